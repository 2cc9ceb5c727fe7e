-- Components in some unit grids from an instant on, as believed now.
-- Parameters: codes text[]; at. Columns: code, valid_from as text, unit, x, y metres (the city's SRID).
-- Index: none, the whole table. Size: some 15 a unit.
SELECT code, valid_from::text, unit, ST_X(geom), ST_Y(geom)
FROM wanmi.components
WHERE replaced_at = 'infinity' AND valid_to > %(at)s AND unit = ANY (%(codes)s::text[])
ORDER BY code, valid_from
