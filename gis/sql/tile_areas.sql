-- Rows of a vector tile: areas that hold now. Parameters: box; sets text[], null for all. Index: areas_geom_web.
SELECT set, code, name, parent_set, parent, department, geom_web AS web, ST_Area(geom) AS weight, set || ':' || code AS key
FROM wanmi.areas
WHERE geom_web && %(box)s::geometry AND (%(sets)s::text[] IS NULL OR set = ANY (%(sets)s::text[]))
    AND replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to
