-- Cases of each unit grid by class and month of the city's zone, by their latest answers; cases that lie in no unit, or
-- have no class, left out. Parameters: zone, name of the time zone; begin, end, instants, half-open.
-- Columns: unit; class, edition:kind+code; month, YYYY-MM; count. Index: cases_reported_at.
-- Size: up to one row a case.
SELECT
    a.unit,
    c.edition || ':' || c.kind || c.class_code AS class,
    to_char(date_trunc('month', c.reported_at AT TIME ZONE %(zone)s), 'YYYY-MM') AS month,
    count(*) AS cases
FROM wanmi.cases c
JOIN wanmi.answers a ON a.case_id = c.id
WHERE a.unit IS NOT NULL
    AND c.class_code IS NOT NULL
    AND (%(begin)s::timestamptz IS NULL OR c.reported_at >= %(begin)s)
    AND (%(end)s::timestamptz IS NULL OR c.reported_at < %(end)s)
GROUP BY 1, 2, 3
