-- Rows of a vector tile: buildings. Parameter: box. Index: ground_geom_web.
SELECT code, name, kind, height_m, geom_web AS web, ST_Area(geom) AS weight, code AS key
FROM wanmi.ground
WHERE geom_web && %(box)s::geometry AND layer = 'buildings'
