-- A component at an instant, as known now. Parameters: code, at. At most one row; geometry as WKB (the city's SRID).
SELECT
    code, edition || ':' || kind || class_code AS class, name, supervising, owning, maintaining, unit, state, source,
    valid_from::text, valid_to::text, ST_AsBinary(geom) AS wkb
FROM wanmi.components
WHERE code = %(code)s AND replaced_at = 'infinity' AND valid_from <= %(at)s AND %(at)s < valid_to
