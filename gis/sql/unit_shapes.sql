-- Unit grids at an instant, as known now.
-- Parameter: at. Columns: code, community, geometry as WKB (the city's SRID). Size: 10,000 for a mid-size city.
SELECT code, coalesce(community, ''), ST_AsBinary(geom)
FROM wanmi.units
WHERE replaced_at = 'infinity' AND valid_from <= %(at)s AND %(at)s < valid_to
ORDER BY code
