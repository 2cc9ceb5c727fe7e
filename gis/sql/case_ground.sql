-- Cases of a selection on a ground, the latest first.
-- Parameters: as case_tally.sql, the period being that of {{wanted}}; limit.
-- Columns: as named; x, y metres (the city's SRID); total, of all without the limit. Index: answers_unit or cases_geom. Size: the limit.
SELECT
    c.id, c.reported_at, coalesce(c.edition || ':' || c.kind || c.class_code, '') AS class,
    coalesce(c.channel, '') AS channel, coalesce(a.department, '') AS department, coalesce(c.status, '') AS status,
    coalesce(c.address, '') AS address, coalesce(a.unit, '') AS unit, ST_X(c.geom) AS x, ST_Y(c.geom) AS y,
    count(*) OVER () AS total
FROM wanmi.cases c
JOIN wanmi.answers a ON a.case_id = c.id
WHERE c.geom IS NOT NULL
    AND a.rule NOT IN ('no_location', 'outside')
    AND {wanted}
    AND (%(units)s::text[] IS NULL OR a.unit = ANY (%(units)s::text[]))
    AND (%(ground)s::bytea IS NULL OR ST_Covers(ST_GeomFromWKB(%(ground)s, %(srid)s), c.geom))
ORDER BY c.reported_at DESC, c.id
LIMIT %(limit)s
