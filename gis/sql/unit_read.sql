-- A unit grid at an instant, as known now. Parameters: code, at. At most one row; geometry as WKB (the city's SRID).
SELECT code, name, community, area_m2, valid_from::text, valid_to::text, ST_AsBinary(geom) AS wkb
FROM wanmi.units
WHERE code = %(code)s AND replaced_at = 'infinity' AND valid_from <= %(at)s AND %(at)s < valid_to
