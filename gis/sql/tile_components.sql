-- Rows of a vector tile: components that hold now. Parameters: box, ground (what holds it in the city's CRS).
-- Index: components_geom. A point is transformed here, once: 2 µs each. The ground is larger than the box: what lies
-- between them is in another tile, and must not count in this one's total.
SELECT *
FROM (
    SELECT code, edition, kind, class_code, name, supervising, owning, maintaining, unit, state,
        ST_Transform(geom, 3857) AS web, 1 AS weight, code AS key
    FROM wanmi.components
    WHERE geom && %(ground)s::geometry
        AND replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to
    OFFSET 0
) c
WHERE web && %(box)s::geometry
