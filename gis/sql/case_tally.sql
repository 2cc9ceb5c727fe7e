-- Cases of a selection on a ground, counted by what they are about, whose they are and the day they came in.
-- Parameters: those of case_wanted.sql, which is the part {{wanted}} (period open, so that the days before and after are
--   told too); units text[], null for any; ground WKB in the city's SRID, null for any; srid; zone of the days; since,
--   until: instants of the period, half-open, null for open.
-- Columns: class as edition:kind+code, channel, department, "" where none; day, days since 1970; whether within the
--   period; count. Index: answers_unit or cases_geom. Size: up to one row a case of the ground.
SELECT
    coalesce(c.edition || ':' || c.kind || c.class_code, '') AS class,
    coalesce(c.channel, '') AS channel,
    coalesce(a.department, '') AS department,
    (c.reported_at AT TIME ZONE %(zone)s)::date - date '1970-01-01' AS day,
    (%(since)s::timestamptz IS NULL OR c.reported_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR c.reported_at < %(until)s) AS within,
    count(*) AS cases
FROM wanmi.cases c
JOIN wanmi.answers a ON a.case_id = c.id
WHERE c.geom IS NOT NULL
    AND a.rule NOT IN ('no_location', 'outside')
    AND {wanted}
    AND (%(units)s::text[] IS NULL OR a.unit = ANY (%(units)s::text[]))
    AND (%(ground)s::bytea IS NULL OR ST_Covers(ST_GeomFromWKB(%(ground)s, %(srid)s), c.geom))
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2, 3, 4, 5
