-- Cases that have a place in the city by their answer, as `api.tiles.columns` holds them in memory.
-- Parameters: ids text[] of those to read, null for all. Index: none for all, else cases_pkey.
-- Columns: x, y whole millimetres (the city's SRID); seconds since 1970, UTC, cut off; a digest of the number; class as
--   edition:kind+code, department, channel, unit, "" where none. Size: up to one row a case.
SELECT
    round(ST_X(c.geom) * 1000)::bigint AS x,
    round(ST_Y(c.geom) * 1000)::bigint AS y,
    floor(extract(epoch FROM c.reported_at))::bigint AS at,
    hashtextextended(c.id, 0) AS number,
    coalesce(c.edition || ':' || c.kind || c.class_code, '') AS class,
    coalesce(a.department, '') AS department,
    coalesce(c.channel, '') AS channel,
    coalesce(a.unit, '') AS unit
FROM wanmi.cases c
JOIN wanmi.answers a ON a.case_id = c.id
WHERE c.geom IS NOT NULL
    AND a.rule NOT IN ('no_location', 'outside')
    AND (%(ids)s::text[] IS NULL OR c.id = ANY (%(ids)s::text[]))
