-- How many cases a selection has, how many of them have a place, and why the others have none.
-- Parameters: as case_places.sql. One row.
SELECT
    count(*),
    count(*) FILTER (WHERE a.case_id IS NULL),
    count(*) FILTER (WHERE a.rule = 'no_location'),
    count(*) FILTER (WHERE a.rule = 'outside'),
    min(c.reported_at),
    max(c.reported_at)
FROM wanmi.cases c
LEFT JOIN wanmi.answers a ON a.case_id = c.id
WHERE {wanted}
