-- Zones that say only, of all times, as believed now: what a load may not let overlap. No parameters.
-- Columns: code, department, classes, valid_from and valid_to as seconds since 1970 (or infinite), footprint as WKB.
-- Index: none, the whole table of some thousands; few rows come of it.
SELECT code, department, classes, extract(epoch FROM valid_from)::float8, extract(epoch FROM valid_to)::float8,
    ST_AsBinary(footprint)
FROM wanmi.zones
WHERE replaced_at = 'infinity' AND effect = 'only'
ORDER BY code, valid_from
