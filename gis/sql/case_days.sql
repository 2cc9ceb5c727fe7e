-- Cases of a selection that have a place in the city, counted by day.
-- Parameters: those of case_wanted.sql, which is the part {{wanted}}; zone of the days.
-- Columns: day, days since 1970; count. Index: none, most of the table. Size: one row a day.
SELECT (c.reported_at AT TIME ZONE %(zone)s)::date - date '1970-01-01' AS day, count(*) AS cases
FROM wanmi.cases c
JOIN wanmi.answers a ON a.case_id = c.id
WHERE c.geom IS NOT NULL
    AND a.rule NOT IN ('no_location', 'outside')
    AND {wanted}
GROUP BY 1
ORDER BY 1
