-- Rows of a vector tile: rivers and lakes, lines with their width. Parameter: box. Index: ground_geom_web.
SELECT code, name, kind, width_m, geom_web AS web, coalesce(width_m, 0) + ST_Area(geom) AS weight, code AS key
FROM wanmi.ground
WHERE geom_web && %(box)s::geometry AND layer = 'rivers'
