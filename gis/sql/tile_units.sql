-- Rows of a vector tile: unit grids that hold now. Parameter: box. Index: units_geom_web. Size: some thousands.
SELECT code, name, community, kind, area_m2, geom_web AS web, area_m2 AS weight, code AS key
FROM wanmi.units
WHERE geom_web && %(box)s::geometry
    AND replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to
