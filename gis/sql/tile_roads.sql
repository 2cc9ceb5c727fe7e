-- Rows of a vector tile: roads. Parameters: box; kinds text[] that are drawn at the zoom, null for all.
-- Index: ground_geom_web.
SELECT code, name, kind, width_m, lanes, coalesce(width_m, 0) AS weight, code AS key,
    CASE
        WHEN %(kinds)s::text[] IS NULL OR regexp_replace(kind, '_link$', '') = ANY (%(kinds)s::text[]) THEN geom_web
    END AS web
FROM wanmi.ground
WHERE geom_web && %(box)s::geometry AND layer = 'roads'
