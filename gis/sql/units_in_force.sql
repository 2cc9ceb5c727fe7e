-- Unit grids that hold now, in order of code. No parameters; columns code, WKB in the city's CRS.
-- Thousands to 100,000 rows.
SELECT code, ST_AsBinary(geom)
FROM wanmi.units
WHERE replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to
ORDER BY code
