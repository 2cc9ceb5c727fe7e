-- Unit grids whose codes begin with a text, as known now. Parameters: begin, at. A place inside each as WKB (the city's SRID).
-- Index: the primary key. Size: at most 8.
SELECT code, name, ST_AsBinary(ST_PointOnSurface(geom)) AS wkb
FROM wanmi.units
WHERE starts_with(code, %(begin)s)
  AND replaced_at = 'infinity' AND valid_from <= %(at)s AND %(at)s < valid_to
ORDER BY code
LIMIT 8
