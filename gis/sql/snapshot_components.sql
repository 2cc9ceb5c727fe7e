-- Components as snapshots are compiled from; up to millions of rows.
-- Parameters: at, unused; known_at, instant as of which they are believed, or null for now.
-- Columns as in gis.layers, place as x and y, metres. Index: none, the whole table.
SELECT t.code,
    t.edition || ':' || t.kind || t.class_code AS class,
    t.supervising,
    t.owning,
    t.maintaining,
    ST_X(t.geom) AS x,
    ST_Y(t.geom) AS y,
    CASE WHEN isfinite(t.valid_from) THEN t.valid_from AT TIME ZONE 'UTC' END AS valid_from,
    CASE WHEN isfinite(t.valid_to) THEN t.valid_to AT TIME ZONE 'UTC' END AS valid_to
FROM wanmi.components t
WHERE %(known_at)s::timestamptz IS NULL AND t.replaced_at = 'infinity'
   OR t.recorded_at <= %(known_at)s AND %(known_at)s < t.replaced_at
