-- Unit grids at an instant, as known now.
-- Parameter: at. Columns: code, community, kind, issue of the set (0 the first), geometry as WKB (the city's SRID).
-- Size: 10,000 for a mid-size city.
SELECT code, coalesce(community, ''), coalesce(kind, ''), coalesce(issue, 0), ST_AsBinary(geom)
FROM wanmi.units
WHERE replaced_at = 'infinity' AND valid_from <= %(at)s AND %(at)s < valid_to
ORDER BY code
