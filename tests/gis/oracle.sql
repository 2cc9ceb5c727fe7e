-- Who gets each case: the order of rules in plain SQL over the record, sharing nothing with the engine.
-- In:  wanmi_points(id, x, y, edition, kind, code, at, component, error): x, y, error in whole millimetres.
--      :x0, :y0 origin in whole metres, so that all arithmetic on millimetres is exact in double precision.
-- Out: temporary table oracle(id, unit, areas, department, rule, component, zone); '' for none.

CREATE TEMP TABLE p AS
SELECT id, edition, kind, code, at, component, error, edition || ':' || kind || code AS class,
       x - :x0::bigint * 1000 AS x, y - :y0::bigint * 1000 AS y, ST_Point(x - :x0::bigint * 1000, y - :y0::bigint * 1000) AS g
FROM wanmi_points;
CREATE INDEX ON p USING gist (g);
ANALYZE p;

CREATE FUNCTION pg_temp.mm(geometry) RETURNS geometry LANGUAGE sql IMMUTABLE AS
$$ SELECT ST_SnapToGrid(ST_SetSRID(ST_TransScale($1, -:x0, -:y0, 1000, 1000), 0), 1) $$;

-- polygons that cover each point, the lowest code first -----------------------------------------------------
CREATE TEMP TABLE u AS SELECT code, valid_from, valid_to, pg_temp.mm(geom) AS g
FROM wanmi.units WHERE replaced_at = 'infinity';
CREATE TEMP TABLE a AS SELECT set, code, department, valid_from, valid_to, pg_temp.mm(geom) AS g
FROM wanmi.areas WHERE replaced_at = 'infinity';

CREATE TEMP TABLE in_unit AS
SELECT h.id, min(u.code) AS unit FROM u, LATERAL
  (SELECT p.id, p.at FROM p WHERE ST_Covers(u.g, p.g) OFFSET 0) h
WHERE u.valid_from <= h.at AND h.at < u.valid_to GROUP BY h.id;

CREATE TEMP TABLE in_area AS
SELECT DISTINCT ON (h.id, a.set) h.id, a.set, a.code, a.department FROM a, LATERAL
  (SELECT p.id, p.at FROM p WHERE ST_Covers(a.g, p.g) OFFSET 0) h
WHERE a.valid_from <= h.at AND h.at < a.valid_to ORDER BY h.id, a.set, a.code;
CREATE INDEX ON in_area (id);

-- class rules: of the valid ones the most specific that says something; else those of the class of 2026 ---------
CREATE TEMP TABLE asked AS
SELECT DISTINCT edition, kind, code, at FROM p WHERE code <> ''
UNION
SELECT edition, kind, class_code, at FROM (SELECT DISTINCT edition, kind, class_code FROM wanmi.components) c,
  (SELECT DISTINCT at FROM p) t;
CREATE TEMP TABLE same AS
SELECT a.*, CASE WHEN w.code_2026 IS NULL THEN a.edition ELSE '2026' END AS canon_edition,
       coalesce(w.code_2026, a.code) AS canon_code
FROM asked a LEFT JOIN wanmi.crosswalk w
  ON a.edition = '2013' AND w.kind = a.kind AND w.code_2013 = a.code AND w.match IN ('same', 'similar', 'moved');
CREATE TEMP TABLE said AS
SELECT s.edition, s.kind, s.code, s.at, own, r.duty, r.radius_m, r.department,
       CASE r.class_code WHEN '' THEN 2 WHEN CASE WHEN own THEN s.code ELSE s.canon_code END THEN 0 ELSE 1 END AS level
FROM same s CROSS JOIN (VALUES (true), (false)) v (own) JOIN wanmi.rules r
  ON r.replaced_at = 'infinity' AND r.valid_from <= s.at AND s.at < r.valid_to AND r.kind = s.kind
 AND r.edition = CASE WHEN own THEN s.edition ELSE s.canon_edition END
 AND starts_with(CASE WHEN own THEN s.code ELSE s.canon_code END, r.class_code);
CREATE TEMP TABLE ruled AS
SELECT s.*, coalesce(r.duty, 'owning') AS duty, coalesce(r.radius_m, 20) AS radius_m, r.department
FROM same s LEFT JOIN LATERAL (
  SELECT (array_agg(d.duty ORDER BY d.level) FILTER (WHERE d.duty IS NOT NULL))[1] AS duty,
         (array_agg(d.radius_m ORDER BY d.level) FILTER (WHERE d.radius_m IS NOT NULL))[1] AS radius_m,
         (array_agg(d.department ORDER BY d.level) FILTER (WHERE d.department IS NOT NULL))[1] AS department
  FROM said d WHERE (d.edition, d.kind, d.code, d.at) = (s.edition, s.kind, s.code, s.at)
    AND d.own = EXISTS (SELECT FROM said o WHERE o.own AND (o.edition, o.kind, o.code, o.at) = (s.edition, s.kind, s.code, s.at))
) r ON true;
CREATE INDEX ON ruled (edition, kind, code, at);

-- components with their owner at each instant --------------------------------------------------------------
CREATE TEMP TABLE c AS
SELECT k.code, k.valid_from, k.valid_to, r.at, r.canon_edition, r.canon_code, pg_temp.mm(k.geom) AS g,
       coalesce(CASE r.duty WHEN 'supervising' THEN coalesce(k.supervising, k.owning, k.maintaining)
                            WHEN 'owning' THEN coalesce(k.owning, k.maintaining, k.supervising)
                            ELSE coalesce(k.maintaining, k.supervising, k.owning) END, r.department) AS owner
FROM wanmi.components k JOIN ruled r ON (r.edition, r.kind, r.code) = (k.edition, k.kind, k.class_code)
WHERE k.replaced_at = 'infinity' AND k.kind = 'C' AND k.valid_from <= r.at AND r.at < k.valid_to;
CREATE INDEX ON c USING gist (g);
CREATE INDEX ON c (code);
ANALYZE c;

CREATE TEMP TABLE by_name AS
SELECT p.id, c.code, c.owner FROM p JOIN c ON c.code = p.component AND c.at = p.at;

CREATE TEMP TABLE by_place AS
SELECT p.id, n.code, n.owner
FROM p JOIN ruled r ON (r.edition, r.kind, r.code, r.at) = (p.edition, p.kind, p.code, p.at) AND p.kind = 'C',
LATERAL (
  SELECT c.code, c.owner, (ST_X(c.g) - p.x) ^ 2 + (ST_Y(c.g) - p.y) ^ 2 AS d FROM c
  WHERE c.g && ST_Expand(p.g, round(r.radius_m * 1000) + p.error) AND c.at = p.at
    AND (c.canon_edition, c.canon_code) = (r.canon_edition, r.canon_code)
    AND (ST_X(c.g) - p.x) ^ 2 + (ST_Y(c.g) - p.y) ^ 2 <= (round(r.radius_m * 1000) + p.error) ^ 2
  ORDER BY d, c.code LIMIT 1) n;

-- zones ----------------------------------------------------------------------------------------------------
CREATE TEMP TABLE z AS
SELECT code, department, rank, is_line, area_m2, valid_from, valid_to, pg_temp.mm(footprint) AS g,
       string_to_array(classes, ' ') AS items,
       (SELECT max(CASE WHEN i = '*' THEN 3 WHEN length(i) = 1 OR length(split_part(i, ':', 2)) = 1 THEN 2
                        WHEN length(split_part(i, ':', 2)) = 3 THEN 1 ELSE 0 END)
        FROM unnest(string_to_array(classes, ' ')) i) AS level
FROM wanmi.zones WHERE replaced_at = 'infinity';
CREATE TEMP TABLE in_zone AS
SELECT DISTINCT ON (h.id) h.id, z.code, z.department, z.is_line FROM z, LATERAL
  (SELECT p.* FROM p WHERE ST_Covers(z.g, p.g) OFFSET 0) h
WHERE z.valid_from <= h.at AND h.at < z.valid_to
  AND z.items && CASE WHEN h.code = '' THEN ARRAY['*'] ELSE ARRAY['*', h.kind, h.edition || ':' || h.kind,
                 h.edition || ':' || h.kind || left(h.code, 2), h.class] END
ORDER BY h.id, z.rank NULLS LAST, z.level, z.is_line DESC, z.area_m2, z.code;

-- the answer -----------------------------------------------------------------------------------------------
CREATE TEMP TABLE held AS
SELECT p.id, jsonb_object_agg(i.set, i.code) AS areas,
       count(*) FILTER (WHERE i.set = ANY (territory)) > 0 AS inside,
       (array_agg(i.department ORDER BY array_position(territory, i.set))
          FILTER (WHERE i.department IS NOT NULL AND i.set = ANY (territory)))[1] AS department
FROM p JOIN in_area i USING (id) CROSS JOIN wanmi.city GROUP BY p.id;
CREATE TEMP TABLE oracle AS
SELECT p.id, coalesce(u.unit, '') AS unit, coalesce(h.areas, '{}') AS areas,
  CASE WHEN n.owner IS NOT NULL THEN 'component_named' WHEN b.owner IS NOT NULL THEN 'component_nearest'
       WHEN z.is_line THEN 'zone_line' WHEN z.code IS NOT NULL THEN 'zone_area'
       WHEN h.inside AND coalesce(r.department, h.department) IS NOT NULL THEN 'territory'
       WHEN h.inside THEN 'unowned' ELSE 'outside' END AS rule,
  coalesce(n.owner, b.owner, z.department, CASE WHEN h.inside THEN coalesce(r.department, h.department) END, '') AS department,
  CASE WHEN n.owner IS NOT NULL THEN n.code WHEN b.owner IS NOT NULL THEN b.code ELSE '' END AS component,
  CASE WHEN n.owner IS NULL AND b.owner IS NULL THEN coalesce(z.code, '') ELSE '' END AS zone
FROM p LEFT JOIN in_unit u USING (id) LEFT JOIN held h USING (id)
  LEFT JOIN by_name n USING (id) LEFT JOIN by_place b USING (id) LEFT JOIN in_zone z USING (id)
  LEFT JOIN ruled r ON (r.edition, r.kind, r.code, r.at) = (p.edition, p.kind, p.code, p.at);
