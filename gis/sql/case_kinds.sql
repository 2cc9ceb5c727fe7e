-- Cases of a period with what each is about: as case_places.sql, whatever the class.
-- Parameters: begin, end instants, half-open, null for open; known_at, null for now: cases recorded until then.
-- Columns: x, y metres (the city's SRID); unit, "" where none; class as edition:kind+code; channel, "" where none;
--   filed 1 or 0. Index: cases_reported_at. Size: up to one row a case.
SELECT
    ST_X(c.geom) AS x,
    ST_Y(c.geom) AS y,
    coalesce(a.unit, '') AS unit,
    coalesce(c.edition || ':' || c.kind || c.class_code, '') AS class,
    coalesce(c.channel, '') AS channel,
    (c.filed_at IS NOT NULL)::int AS filed
FROM wanmi.cases c
JOIN wanmi.answers a ON a.case_id = c.id
WHERE c.geom IS NOT NULL
    AND a.rule NOT IN ('no_location', 'outside')
    AND (%(begin)s::timestamptz IS NULL OR c.reported_at >= %(begin)s)
    AND (%(end)s::timestamptz IS NULL OR c.reported_at < %(end)s)
    AND (%(known_at)s::timestamptz IS NULL OR c.recorded_at <= %(known_at)s)
