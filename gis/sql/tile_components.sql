-- Rows of a vector tile: components that hold now. Parameters: box, ground (the same in the city's CRS).
-- Index: components_geom. A point is transformed here: 2 µs each.
SELECT code, edition, kind, class_code, name, supervising, owning, maintaining, unit, state,
    ST_Transform(geom, 3857) AS web, 1 AS weight, code AS key
FROM wanmi.components
WHERE geom && %(ground)s::geometry
    AND replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to
