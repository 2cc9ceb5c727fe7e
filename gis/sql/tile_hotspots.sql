-- Rows of a vector tile: unit grids that stand out. Parameters: box; codes text[], cases bigint[], z, q float[], alike long.
-- Index: units_geom_web. Size: some thousands.
SELECT u.code, u.community, h.cases, h.z, h.q, u.geom_web AS web, h.z AS weight, u.code AS key
FROM unnest(%(codes)s::text[], %(cases)s::bigint[], %(scores)s::float8[], %(rates)s::float8[]) h (code, cases, z, q)
JOIN wanmi.units u ON u.code = h.code
WHERE u.geom_web && %(box)s::geometry
    AND u.replaced_at = 'infinity' AND u.valid_from <= now() AND now() < u.valid_to
