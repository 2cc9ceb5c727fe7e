-- Where a unit grid or a point is, as rosters see it: the unit, the areas that hold it, the roads and zones at it.
-- Parameters: unit (code, or null for a point), x, y (metres of the city's CRS, or null), srid, at, known_at (null: as
--   known now).
-- Columns: layer (unit, place or area), kind (area set, or unit, road, zone), code, name, size (m²). The areas of a unit are those that hold a point
--   inside it; of a set the lower code wins on an edge. A road reaches half its width (10 m without one) beyond its
--   line, a zone is its footprint; only those that a roster names are looked for.
-- Index: units_geom, areas_geom, zones_pkey. A handful of rows.
WITH unit AS (
    SELECT code, name, geom, area_m2
    FROM wanmi.units
    WHERE (%(known_at)s::timestamptz IS NULL AND replaced_at = 'infinity'
           OR recorded_at <= %(known_at)s AND %(known_at)s < replaced_at)
      AND valid_from <= %(at)s AND %(at)s < valid_to
      AND CASE WHEN %(unit)s::text IS NULL
          THEN ST_Covers(geom, ST_SetSRID(ST_MakePoint(%(x)s, %(y)s), %(srid)s))
          ELSE code = %(unit)s END
    ORDER BY code
    LIMIT 1
),
spot AS MATERIALIZED (
    SELECT ST_SetSRID(ST_MakePoint(%(x)s, %(y)s), %(srid)s) AS point,
        ST_SetSRID(ST_MakePoint(%(x)s, %(y)s), %(srid)s) AS ground
    WHERE %(unit)s::text IS NULL
    UNION ALL
    SELECT ST_PointOnSurface(geom), geom FROM unit WHERE %(unit)s::text IS NOT NULL
),
named AS (
    SELECT DISTINCT place_kind, place
    FROM wanmi.rosters
    WHERE place IS NOT NULL
      AND (%(known_at)s::timestamptz IS NULL AND replaced_at = 'infinity'
           OR recorded_at <= %(known_at)s AND %(known_at)s < replaced_at)
)
SELECT 'unit' AS layer, 'unit' AS kind, code, name, area_m2 AS size FROM unit
UNION ALL
(SELECT DISTINCT ON (g.code) 'place', 'road', g.code, g.name, ST_Area(ST_Envelope(g.geom))
 FROM named n, wanmi.ground g, spot
 WHERE n.place_kind = 'road' AND g.layer = 'roads' AND g.code = n.place
   AND ST_DWithin(g.geom, spot.ground, coalesce(g.width_m, 20) / 2)
 ORDER BY g.code)
UNION ALL
SELECT 'place', 'zone', z.code, z.name, z.area_m2
FROM named n, wanmi.zones z, spot
WHERE n.place_kind = 'zone' AND z.code = n.place
  AND (%(known_at)s::timestamptz IS NULL AND z.replaced_at = 'infinity'
       OR z.recorded_at <= %(known_at)s AND %(known_at)s < z.replaced_at)
  AND z.valid_from <= %(at)s AND %(at)s < z.valid_to
  AND ST_Intersects(z.footprint, spot.ground)
  AND (%(unit)s::text IS NULL OR ST_Area(ST_Intersection(z.footprint, spot.ground)) > 0.01)
UNION ALL
(SELECT DISTINCT ON (a.set) 'area', a.set, a.code, a.name, ST_Area(a.geom)
 FROM spot, wanmi.areas a
 WHERE (%(known_at)s::timestamptz IS NULL AND a.replaced_at = 'infinity'
        OR a.recorded_at <= %(known_at)s AND %(known_at)s < a.replaced_at)
   AND a.valid_from <= %(at)s AND %(at)s < a.valid_to
   AND ST_Covers(a.geom, spot.point)
 ORDER BY a.set, a.code)
