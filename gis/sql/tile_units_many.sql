-- Rows of a vector tile: areas with the unit grids in them, where single ones are too small to see.
-- Parameters: box; set, the area set whose codes units carry as their community. Index: areas_geom_web, the units whole.
SELECT a.code, coalesce(a.name, '') AS name, u.units, u.area_m2, a.geom_web AS web, u.area_m2 AS weight, a.code AS key
FROM wanmi.areas a
JOIN (
    SELECT community, count(*) AS units, sum(area_m2) AS area_m2
    FROM wanmi.units
    WHERE replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to
    GROUP BY community
) u ON u.community = a.code
WHERE a.geom_web && %(box)s::geometry AND a.set = %(set)s
    AND a.replaced_at = 'infinity' AND a.valid_from <= now() AND now() < a.valid_to
