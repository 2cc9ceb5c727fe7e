-- Where the cases of a selection happened: those that have a place in the city by their answer.
-- Parameters: classes text[] of edition:kind+code, null for all; begin, end instants, half-open, null for open;
--   known_at, null for now: cases recorded until then; the unit of an answer given later is looked up as known then.
-- Columns: x, y metres (the city's SRID); unit, "" where none. Index: cases_reported_at. Size: up to one row a case.
SELECT
    ST_X(c.geom) AS x,
    ST_Y(c.geom) AS y,
    CASE
        WHEN %(known_at)s::timestamptz IS NULL OR a.answered_at <= %(known_at)s THEN coalesce(a.unit, '')
        ELSE coalesce((
            SELECT u.code FROM wanmi.units_at(a.at, %(known_at)s) u
            WHERE ST_Covers(u.geom, c.geom) ORDER BY u.code LIMIT 1
        ), '')
    END AS unit
FROM wanmi.cases c
JOIN wanmi.answers a ON a.case_id = c.id
WHERE c.geom IS NOT NULL
    AND a.rule NOT IN ('no_location', 'outside')
    AND (%(begin)s::timestamptz IS NULL OR c.reported_at >= %(begin)s)
    AND (%(end)s::timestamptz IS NULL OR c.reported_at < %(end)s)
    AND (%(classes)s::text[] IS NULL OR (c.edition || ':' || c.kind || c.class_code) = ANY (%(classes)s::text[]))
    AND (%(known_at)s::timestamptz IS NULL OR c.recorded_at <= %(known_at)s)
