-- Areas of all sets at an instant, as known now.
-- Parameter: at. Columns: set, code, name, geometry as WKB (the city's SRID). Size: some hundreds.
SELECT set, code, coalesce(name, ''), ST_AsBinary(geom)
FROM wanmi.areas
WHERE replaced_at = 'infinity' AND valid_from <= %(at)s AND %(at)s < valid_to
ORDER BY set, code
