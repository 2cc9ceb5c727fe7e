-- Unit grids at an instant, as known at another.
-- Parameters: at, known_at (null: now). Columns: code, community, kind, issue of the set (0 the first), geometry as WKB (the city's SRID).
-- Size: 10,000 for a mid-size city.
SELECT code, coalesce(community, ''), coalesce(kind, ''), coalesce(issue, 0), ST_AsBinary(geom)
FROM wanmi.units
WHERE valid_from <= %(at)s AND %(at)s < valid_to
    AND recorded_at <= coalesce(%(known_at)s::timestamptz, now())
    AND coalesce(%(known_at)s::timestamptz, now()) < replaced_at
ORDER BY code
