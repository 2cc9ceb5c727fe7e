-- Turns of all teams that a place has to do with, whenever they hold: those of its areas, roads, zones and unit, of the
-- whole city, and the teams above them. Parameters: sets, codes, kinds, places (arrays in pairs), known_at (null: as
-- known now). Columns as in gis.layers. Index: rosters_area, rosters_place, rosters_pkey. Some tens to thousands of rows.
WITH RECURSIVE believed AS NOT MATERIALIZED (
    SELECT *
    FROM wanmi.rosters
    WHERE %(known_at)s::timestamptz IS NULL AND replaced_at = 'infinity'
       OR recorded_at <= %(known_at)s AND %(known_at)s < replaced_at
),
team AS (
    SELECT team FROM believed
    WHERE (area_set, area) IN (SELECT * FROM unnest(%(sets)s::text[], %(codes)s::text[]))
       OR (place_kind, place) IN (SELECT * FROM unnest(%(kinds)s::text[], %(places)s::text[]))
       OR area IS NULL AND place IS NULL
    UNION
    SELECT b.reports_to FROM team JOIN believed b ON b.team = team.team WHERE b.reports_to IS NOT NULL
)
SELECT
    team, person, role, department, area_set, area, phone, kind, tier, place_kind, place, reports_to, after_hours,
    CASE WHEN isfinite(valid_from) THEN valid_from AT TIME ZONE 'UTC' END AS valid_from,
    CASE WHEN isfinite(valid_to) THEN valid_to AT TIME ZONE 'UTC' END AS valid_to
FROM believed
WHERE team IN (SELECT team FROM team)
ORDER BY team, person, valid_from
