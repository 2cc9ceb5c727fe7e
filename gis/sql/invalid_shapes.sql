-- Staged rows whose geometry the server calls invalid or empty, whatever the client's GEOS thought.
-- Part: {staged}, with row and geom. Columns: row, reason. Hundred thousands of polygons; no index.
SELECT row, CASE WHEN ST_IsEmpty(geom) THEN 'is empty' ELSE 'is not valid: ' || ST_IsValidReason(geom) END
FROM {staged}
WHERE ST_IsEmpty(geom) OR NOT ST_IsValid(geom)
ORDER BY row
