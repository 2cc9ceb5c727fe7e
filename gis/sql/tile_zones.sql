-- Rows of a vector tile: the ground of the responsibility zones that hold now. Parameter: box. Index: zones_footprint_web.
SELECT code, name, department, classes, rank, width_m, is_line, area_m2, footprint_web AS web, area_m2 AS weight, code AS key
FROM wanmi.zones
WHERE footprint_web && %(box)s::geometry
    AND replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to
