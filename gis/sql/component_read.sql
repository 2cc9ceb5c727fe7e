-- A component at an instant, as known at another. Parameters: code, at, known_at (null: now).
-- At most one row; geometry as WKB (the city's SRID).
SELECT
    code, edition || ':' || kind || class_code AS class, name, supervising, owning, maintaining, unit, state, source,
    valid_from::text, valid_to::text, ST_AsBinary(geom) AS wkb
FROM wanmi.components
WHERE code = %(code)s AND valid_from <= %(at)s AND %(at)s < valid_to
    AND recorded_at <= coalesce(%(known_at)s::timestamptz, now())
    AND coalesce(%(known_at)s::timestamptz, now()) < replaced_at
