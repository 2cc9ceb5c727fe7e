-- Zones whose ground comes within a distance of a place, small ones first.
-- Parameters: x, y (metres, the city's SRID), srid, reach_m, at, known_at (null for now). Footprint as WKB.
-- Index: zones_footprint. Size: tens, at most 200.
SELECT code, name, department, classes, is_line, area_m2, ST_AsBinary(footprint) AS wkb
FROM wanmi.zones
WHERE ST_DWithin(footprint, ST_SetSRID(ST_MakePoint(%(x)s, %(y)s), %(srid)s), %(reach_m)s)
  AND valid_from <= %(at)s AND %(at)s < valid_to
  AND (%(known_at)s::timestamptz IS NULL AND replaced_at = 'infinity'
       OR recorded_at <= %(known_at)s AND %(known_at)s < replaced_at)
ORDER BY area_m2, code
LIMIT 200
