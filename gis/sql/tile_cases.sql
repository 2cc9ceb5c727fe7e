-- Cases as `api.held` holds them in memory.
-- Parameters: ids text[] of those to read, null for all. Index: none for all, else cases_pkey.
-- Columns: x, y whole millimetres (the city's SRID), 0 where none; microseconds since 1970, UTC; a digest of the
--   number; class as edition:kind+code, department, channel, unit, "" where none; flag, bits: 0 to 2 whether the case has
--   a place in the city by its answer (0), no answer (1), no location (2), or lies outside (3); 4 filed; 8 has a place on
--   record. Size: a row a case.
SELECT
    coalesce(round(ST_X(c.geom) * 1000)::bigint, 0) AS x,
    coalesce(round(ST_Y(c.geom) * 1000)::bigint, 0) AS y,
    (extract(epoch FROM c.reported_at) * 1000000)::bigint AS at,
    hashtextextended(c.id, 0) AS number,
    coalesce(c.edition || ':' || c.kind || c.class_code, '') AS class,
    coalesce(a.department, '') AS department,
    coalesce(c.channel, '') AS channel,
    coalesce(a.unit, '') AS unit,
    CASE
        WHEN a.case_id IS NULL THEN 1
        WHEN a.rule = 'outside' THEN 3
        WHEN a.rule = 'no_location' OR c.geom IS NULL THEN 2
        ELSE 0
    END
    + CASE WHEN c.filed_at IS NULL THEN 0 ELSE 4 END
    + CASE WHEN c.geom IS NULL THEN 0 ELSE 8 END AS flag
FROM wanmi.cases c
LEFT JOIN wanmi.answers a ON a.case_id = c.id
WHERE (%(ids)s::text[] IS NULL OR c.id = ANY (%(ids)s::text[]))
