-- Turns of teams; up to some hundred thousand rows.
-- Parameters: at, instant at which rows must hold, or null for all; known_at, instant as of which they are believed, or
--   null for now. Columns as in gis.layers. Index: none, the whole table.
SELECT
    team, person, role, department, area_set, area, phone, kind, tier, place_kind, place, reports_to, after_hours,
    CASE WHEN isfinite(valid_from) THEN valid_from AT TIME ZONE 'UTC' END AS valid_from,
    CASE WHEN isfinite(valid_to) THEN valid_to AT TIME ZONE 'UTC' END AS valid_to
FROM wanmi.rosters
WHERE (%(known_at)s::timestamptz IS NULL AND replaced_at = 'infinity'
       OR recorded_at <= %(known_at)s AND %(known_at)s < replaced_at)
  AND (%(at)s::timestamptz IS NULL OR valid_from <= %(at)s AND %(at)s < valid_to)
ORDER BY team, person, valid_from
