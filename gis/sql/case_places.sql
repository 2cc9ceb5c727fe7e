-- Where the cases of a selection happened: those that have a place in the city by their answer.
-- Parameters: those of case_wanted.sql, which is the part {wanted}; the unit of an answer given after known_at is
--   looked up as known then.
-- Columns: x, y metres (the city's SRID); unit, "" where none. Size: up to one row a case.
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
    AND {wanted}
