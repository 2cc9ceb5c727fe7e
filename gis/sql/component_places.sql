-- Where components stand that hold at an instant.
-- Parameters: at; classes text[] of edition:kind+code, null for all.
-- Columns: x, y metres (the city's SRID). Index: none, the whole table. Size: up to millions of rows.
SELECT ST_X(t.geom) AS x, ST_Y(t.geom) AS y
FROM wanmi.components t
WHERE t.replaced_at = 'infinity' AND t.valid_from <= %(at)s AND %(at)s < t.valid_to
    AND (%(classes)s::text[] IS NULL OR (t.edition || ':' || t.kind || t.class_code) = ANY (%(classes)s::text[]))
