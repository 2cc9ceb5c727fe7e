-- Class rules; hundreds of rows.
-- Parameters: at, instant at which rows must hold, or null for all versions; known_at, instant as of which they are
--   believed, or null for now. Columns as in gis.layers. Index: none, the whole table.
SELECT t.edition || ':' || t.kind || t.class_code AS class,
    t.duty,
    t.radius_m,
    t.department,
    t.first,
    t.name,
    t.invented,
    t.note,
    CASE WHEN isfinite(t.valid_from) THEN t.valid_from AT TIME ZONE 'UTC' END AS valid_from,
    CASE WHEN isfinite(t.valid_to) THEN t.valid_to AT TIME ZONE 'UTC' END AS valid_to
FROM wanmi.rules t
WHERE (%(known_at)s::timestamptz IS NULL AND t.replaced_at = 'infinity'
       OR t.recorded_at <= %(known_at)s AND %(known_at)s < t.replaced_at)
  AND (%(at)s::timestamptz IS NULL OR t.valid_from <= %(at)s AND %(at)s < t.valid_to)
