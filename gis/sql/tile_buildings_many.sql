-- Rows of a vector tile: squares of the ground with the buildings whose middle is on them, each a point at their mean.
-- Parameters: ground, box in the city's CRS; side, metres. Index: ground_geom. Size: up to 4,096.
SELECT count(*) AS buildings, sum(b.area_m2) AS area_m2,
    ST_Transform(ST_SetSRID(ST_MakePoint(avg(b.x), avg(b.y)), max(b.srid)), 3857) AS web,
    count(*) AS weight, floor(b.x / %(side)s) || ' ' || floor(b.y / %(side)s) AS key
FROM (
    SELECT (ST_XMin(geom) + ST_XMax(geom)) / 2 AS x, (ST_YMin(geom) + ST_YMax(geom)) / 2 AS y, ST_Area(geom) AS area_m2,
        ST_SRID(geom) AS srid
    FROM wanmi.ground
    WHERE geom && %(ground)s::geometry AND layer = 'buildings'
) b
GROUP BY floor(b.x / %(side)s), floor(b.y / %(side)s)
