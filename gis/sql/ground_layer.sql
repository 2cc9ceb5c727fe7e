-- A layer of the ground, to be drawn.
-- Parameter: layer. Columns: code, name, kind, width_m, geometry as WKB (the city's SRID).
-- Index: ground_pkey. Size: 60,000 buildings of a mid-size city.
SELECT code, coalesce(name, ''), coalesce(kind, ''), width_m, ST_AsBinary(geom)
FROM wanmi.ground
WHERE layer = %(layer)s
ORDER BY code
