-- Cases of a selection with their place and time: those that have a place in the city by their answer.
-- Parameters: as case_places.sql.
-- Columns: x, y metres (the city's SRID); microseconds since 1970, UTC; digest of the number; unit, department, class
-- (edition:kind+code), "" where none.
-- Size: up to one row a case.
SELECT
    ST_X(c.geom) AS x,
    ST_Y(c.geom) AS y,
    (extract(epoch FROM c.reported_at) * 1000000)::bigint AS at,
    hashtextextended(c.id, 0) AS number,
    CASE
        WHEN %(known_at)s::timestamptz IS NULL OR a.answered_at <= %(known_at)s THEN coalesce(a.unit, '')
        ELSE coalesce((
            SELECT u.code FROM wanmi.units_at(a.at, %(known_at)s) u
            WHERE ST_Covers(u.geom, c.geom) ORDER BY u.code LIMIT 1
        ), '')
    END AS unit,
    coalesce(a.department, '') AS department,
    coalesce(c.edition || ':' || c.kind || c.class_code, '') AS class
FROM wanmi.cases c
JOIN wanmi.answers a ON a.case_id = c.id
WHERE c.geom IS NOT NULL
    AND a.rule NOT IN ('no_location', 'outside')
    AND {wanted}
