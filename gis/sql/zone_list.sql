-- Responsibility zones at an instant, as known at another. Parameters: at, known_at (null: now).
-- Geometry as drawn, WKB (the city's SRID).
-- Size: some thousands.
SELECT
    code, name, department, classes, rank, width_m, effect, duty, joint, side, from_m, to_m, is_line, area_m2,
    valid_from::text, valid_to::text,
    ST_AsBinary(geom) AS wkb
FROM wanmi.zones
WHERE valid_from <= %(at)s AND %(at)s < valid_to
    AND recorded_at <= coalesce(%(known_at)s::timestamptz, now())
    AND coalesce(%(known_at)s::timestamptz, now()) < replaced_at
ORDER BY code
