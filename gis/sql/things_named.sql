-- A unit grid and some components by their codes.
-- Parameters: unit (code or ''), components (array of codes), at, known_at (null for now). Geometry as WKB (the
-- city's SRID). Index: primary keys. Size: some.
SELECT 'unit' AS kind, code, name, ST_AsBinary(geom) AS wkb
FROM wanmi.units
WHERE code = %(unit)s
  AND valid_from <= %(at)s AND %(at)s < valid_to
  AND (%(known_at)s::timestamptz IS NULL AND replaced_at = 'infinity'
       OR recorded_at <= %(known_at)s AND %(known_at)s < replaced_at)
UNION ALL
SELECT 'component', code, name, ST_AsBinary(geom)
FROM wanmi.components
WHERE code = ANY(%(components)s)
  AND valid_from <= %(at)s AND %(at)s < valid_to
  AND (%(known_at)s::timestamptz IS NULL AND replaced_at = 'infinity'
       OR recorded_at <= %(known_at)s AND %(known_at)s < replaced_at)
