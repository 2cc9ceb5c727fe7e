-- All versions of unit grids that are believed now, in order of code and beginning.
-- No parameters. Columns: code, name, community, kind, issue, valid_from, valid_to (null: open), WKB in the city's CRS.
-- Size: 10,000 to 100,000 rows.
SELECT code, coalesce(name, ''), coalesce(community, ''), coalesce(kind, ''), coalesce(issue, 0),
    CASE WHEN isfinite(valid_from) THEN valid_from END,
    CASE WHEN isfinite(valid_to) THEN valid_to END,
    ST_AsBinary(geom)
FROM wanmi.units
WHERE replaced_at = 'infinity'
ORDER BY code, valid_from
