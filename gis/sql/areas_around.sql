-- Areas of all sets whose ground comes within a distance of a place.
-- Parameters: x, y (metres, the city's SRID), srid, reach_m, at, known_at (null for now). Geometry as WKB.
-- Index: areas_geom. Size: ten.
SELECT set, code, name, department, ST_AsBinary(geom) AS wkb
FROM wanmi.areas
WHERE ST_DWithin(geom, ST_SetSRID(ST_MakePoint(%(x)s, %(y)s), %(srid)s), %(reach_m)s)
  AND valid_from <= %(at)s AND %(at)s < valid_to
  AND (%(known_at)s::timestamptz IS NULL AND replaced_at = 'infinity'
       OR recorded_at <= %(known_at)s AND %(known_at)s < replaced_at)
ORDER BY set, code
