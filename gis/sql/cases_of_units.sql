-- Cases whose latest answer names one of some unit grids.
-- Parameter: codes text[]. Columns: case, unit, x, y metres (the city's SRID), null where the case has no place.
-- Index: answers_unit, cases_pkey. Size: some 50 a unit.
SELECT a.case_id, a.unit, ST_X(c.geom), ST_Y(c.geom)
FROM wanmi.answers a
LEFT JOIN wanmi.cases c ON c.id = a.case_id
WHERE a.unit = ANY (%(codes)s::text[])
ORDER BY a.case_id
