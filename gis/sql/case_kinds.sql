-- Cases of a selection with what each is about: as case_places.sql.
-- Parameters: as case_places.sql.
-- Columns: x, y metres (the city's SRID); unit, "" where none; class as edition:kind+code; channel, department, ""
--   where none; filed 1 or 0. Size: up to one row a case.
SELECT
    ST_X(c.geom) AS x,
    ST_Y(c.geom) AS y,
    coalesce(a.unit, '') AS unit,
    coalesce(c.edition || ':' || c.kind || c.class_code, '') AS class,
    coalesce(c.channel, '') AS channel,
    coalesce(a.department, '') AS department,
    (c.filed_at IS NOT NULL)::int AS filed
FROM wanmi.cases c
JOIN wanmi.answers a ON a.case_id = c.id
WHERE c.geom IS NOT NULL
    AND a.rule NOT IN ('no_location', 'outside')
    AND {wanted}
