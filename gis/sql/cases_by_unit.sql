-- Cases of each unit grid by their latest answers. Parameters: begin, end instants, half-open, null for open.
-- Columns: unit, count. Index: none, both tables. Size: one row a unit.
SELECT a.unit, count(*)
FROM wanmi.answers a
JOIN wanmi.cases c ON c.id = a.case_id
WHERE a.unit IS NOT NULL
    AND (%(begin)s::timestamptz IS NULL OR c.reported_at >= %(begin)s)
    AND (%(end)s::timestamptz IS NULL OR c.reported_at < %(end)s)
GROUP BY a.unit
