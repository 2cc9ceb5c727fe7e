-- Rows of a vector tile: squares of the ground with the components on them, each a point at their mean.
-- Parameters: ground, box in the city's CRS; side, metres. Index: components_geom, or all. Size: up to 4,096.
SELECT count(*) AS components,
    ST_Transform(ST_SetSRID(ST_MakePoint(avg(ST_X(geom)), avg(ST_Y(geom))), max(ST_SRID(geom))), 3857) AS web,
    count(*) AS weight,
    floor(ST_X(geom) / %(side)s) || ' ' || floor(ST_Y(geom) / %(side)s) AS key
FROM wanmi.components
WHERE geom && %(ground)s::geometry
    AND replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to
GROUP BY floor(ST_X(geom) / %(side)s), floor(ST_Y(geom) / %(side)s)
