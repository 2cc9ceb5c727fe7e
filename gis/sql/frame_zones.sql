-- Responsibility zones; thousands of rows.
-- Parameters: at, instant at which rows must hold, or null for all versions; known_at, instant as of which they are
--   believed, or null for now. Columns as in gis.layers, whether a line, area, and the footprint as hex EWKB. Index: none, the whole table.
SELECT t.code,
    t.name,
    t.department,
    t.classes,
    t.rank,
    t.width_m,
    NULLIF(t.effect, 'gives') AS effect,
    t.duty,
    t.joint,
    NULLIF(t.side, 'both') AS side,
    t.from_m,
    t.to_m,
    t.is_line,
    t.area_m2,
    t.footprint AS geometry,
    CASE WHEN isfinite(t.valid_from) THEN t.valid_from AT TIME ZONE 'UTC' END AS valid_from,
    CASE WHEN isfinite(t.valid_to) THEN t.valid_to AT TIME ZONE 'UTC' END AS valid_to
FROM wanmi.zones t
WHERE (%(known_at)s::timestamptz IS NULL AND t.replaced_at = 'infinity'
       OR t.recorded_at <= %(known_at)s AND %(known_at)s < t.replaced_at)
  AND (%(at)s::timestamptz IS NULL OR t.valid_from <= %(at)s AND %(at)s < t.valid_to)
