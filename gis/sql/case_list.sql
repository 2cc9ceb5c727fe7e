-- Numbers of the cases that a list shows, in order, after the last one of the page before.
-- Parameters: after text; begin, end instants, null for open; department, unit, rule, status, null for any;
--   known_at, instant until which they were recorded, null for now; limit.
-- Column: id. Index: cases_pkey, answers_department or answers_unit. Size: the limit.
SELECT c.id
FROM wanmi.cases c
LEFT JOIN wanmi.answers a ON a.case_id = c.id
WHERE c.id > %(after)s
    AND (%(begin)s::timestamptz IS NULL OR c.reported_at >= %(begin)s)
    AND (%(end)s::timestamptz IS NULL OR c.reported_at < %(end)s)
    AND (%(department)s::text IS NULL OR a.department = %(department)s)
    AND (%(unit)s::text IS NULL OR a.unit = %(unit)s)
    AND (%(rule)s::text IS NULL OR a.rule = %(rule)s)
    AND (%(status)s::text IS NULL OR c.status = %(status)s)
    AND (%(known_at)s::timestamptz IS NULL OR c.recorded_at <= %(known_at)s)
ORDER BY c.id
LIMIT %(limit)s
