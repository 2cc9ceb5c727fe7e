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
SELECT s.edition, s.kind, s.code, s.at, own, r.duty, r.radius_m, r.department, r.first,
       CASE r.class_code WHEN '' THEN 2 WHEN CASE WHEN own THEN s.code ELSE s.canon_code END THEN 0 ELSE 1 END AS level
FROM same s CROSS JOIN (VALUES (true), (false)) v (own) JOIN wanmi.rules r
  ON r.replaced_at = 'infinity' AND r.valid_from <= s.at AND s.at < r.valid_to AND r.kind = s.kind
 AND r.edition = CASE WHEN own THEN s.edition ELSE s.canon_edition END
 AND starts_with(CASE WHEN own THEN s.code ELSE s.canon_code END, r.class_code);
CREATE TEMP TABLE ruled AS
SELECT s.*, r.duty, coalesce(r.radius_m, 20) AS radius_m, r.department, coalesce(r.first, 'owner') AS first
FROM same s LEFT JOIN LATERAL (
  SELECT (array_agg(d.duty ORDER BY d.level) FILTER (WHERE d.duty IS NOT NULL))[1] AS duty,
         (array_agg(d.radius_m ORDER BY d.level) FILTER (WHERE d.radius_m IS NOT NULL))[1] AS radius_m,
         (array_agg(d.department ORDER BY d.level) FILTER (WHERE d.department IS NOT NULL))[1] AS department,
         (array_agg(d.first ORDER BY d.level) FILTER (WHERE d.first IS NOT NULL))[1] AS first
  FROM said d WHERE (d.edition, d.kind, d.code, d.at) = (s.edition, s.kind, s.code, s.at)
    AND d.own = EXISTS (SELECT FROM said o WHERE o.own AND (o.edition, o.kind, o.code, o.at) = (s.edition, s.kind, s.code, s.at))
) r ON true;
CREATE INDEX ON ruled (edition, kind, code, at);
ANALYZE ruled;

-- who stands for a department at an instant: itself, or the nearest above it that is there ----------------------
-- the version that speaks for it is the last that began, or the first of all
CREATE TEMP TABLE spoken AS
SELECT DISTINCT ON (d.code, t.at) d.code, t.at, d.parent, d.valid_from <= t.at AND t.at < d.valid_to AS there
FROM wanmi.departments d, (SELECT DISTINCT at FROM p) t WHERE d.replaced_at = 'infinity'
ORDER BY d.code, t.at, d.valid_from <= t.at DESC, CASE WHEN d.valid_from <= t.at THEN d.valid_from END DESC, d.valid_from;
CREATE TEMP TABLE stands AS
WITH RECURSIVE climb AS (
  SELECT code, at, code AS who, parent, there, ARRAY[code] AS path FROM spoken
  UNION ALL
  SELECT c.code, c.at, v.code, v.parent, v.there, path || v.code
  FROM climb c JOIN spoken v ON (v.code, v.at) = (c.parent, c.at) WHERE NOT c.there AND v.code <> ALL (path)
) SELECT code, at, who FROM climb WHERE there;
CREATE INDEX ON stands (code, at);
ANALYZE stands;
CREATE FUNCTION pg_temp.stood(text, timestamptz) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT who FROM stands WHERE code = $1 AND at = $2 $$;

-- zones that cover each point, take its class and the duty that is asked for, in order of precedence ---------------
CREATE TEMP TABLE z AS
SELECT code, department, rank, is_line, area_m2, valid_from, valid_to, effect, duty, pg_temp.mm(footprint) AS g,
       string_to_array(classes, ' ') AS items,
       (SELECT max(CASE WHEN i = '*' THEN 3 WHEN length(i) = 1 OR length(split_part(i, ':', 2)) = 1 THEN 2
                        WHEN length(split_part(i, ':', 2)) = 3 THEN 1 ELSE 0 END)
        FROM unnest(string_to_array(classes, ' ')) i) AS level
FROM wanmi.zones WHERE replaced_at = 'infinity';
CREATE TEMP TABLE covering AS
SELECT h.id, z.code, z.effect, z.is_line, s.who,
       row_number() OVER (PARTITION BY h.id ORDER BY z.rank NULLS LAST, z.level, z.is_line DESC, z.area_m2, z.code) AS place
FROM z CROSS JOIN LATERAL (SELECT p.* FROM p WHERE ST_Covers(z.g, p.g) OFFSET 0) h
LEFT JOIN ruled r ON (r.edition, r.kind, r.code, r.at) = (h.edition, h.kind, h.code, h.at)
LEFT JOIN stands s ON (s.code, s.at) = (z.department, h.at)
WHERE z.valid_from <= h.at AND h.at < z.valid_to AND (z.duty = r.duty) IS NOT FALSE
  AND z.items && CASE WHEN h.code = '' THEN ARRAY['*'] ELSE ARRAY['*', h.kind, h.edition || ':' || h.kind,
                 h.edition || ':' || h.kind || left(h.code, 2), h.class] END;
CREATE TEMP TABLE never AS SELECT DISTINCT id, who FROM covering WHERE effect = 'never' AND who IS NOT NULL;
CREATE INDEX ON never (id);
ANALYZE never;
CREATE TEMP TABLE in_zone AS
SELECT DISTINCT ON (id, effect) id, effect, code, who AS department, is_line FROM covering c
WHERE who IS NOT NULL AND effect <> 'never' AND NOT EXISTS (SELECT FROM never n WHERE (n.id, n.who) = (c.id, c.who))
ORDER BY id, effect, place;
CREATE INDEX ON in_zone (id);
ANALYZE in_zone;
CREATE TEMP TABLE kept_out AS SELECT id, array_agg(who) AS never FROM never GROUP BY id;
CREATE INDEX ON kept_out (id);
ANALYZE kept_out;
CREATE FUNCTION pg_temp.left_of(text[], text[]) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT who FROM unnest($1) WITH ORDINALITY u (who, place)
   WHERE who IS NOT NULL AND who <> ALL ($2) ORDER BY place LIMIT 1 $$;

-- components with their departments in the order in which they are asked at each instant ---------------------------
CREATE TEMP TABLE c AS
SELECT k.code, r.at, r.canon_edition, r.canon_code, pg_temp.mm(k.geom) AS g,
       ARRAY(SELECT pg_temp.stood(d, r.at) FROM unnest(CASE coalesce(r.duty, 'owning')
         WHEN 'supervising' THEN ARRAY[k.supervising, k.owning, k.maintaining]
         WHEN 'owning' THEN ARRAY[k.owning, k.maintaining, k.supervising]
         WHEN 'maintaining' THEN ARRAY[k.maintaining, k.supervising, k.owning]
         ELSE ARRAY[k.maintaining, k.owning, k.supervising] END || r.department) WITH ORDINALITY u (d, place)
         ORDER BY place) AS turns
FROM wanmi.components k JOIN ruled r ON (r.edition, r.kind, r.code) = (k.edition, k.kind, k.class_code)
WHERE k.replaced_at = 'infinity' AND k.kind = 'C' AND k.valid_from <= r.at AND r.at < k.valid_to;
CREATE INDEX ON c USING gist (g);
CREATE INDEX ON c (code);
ANALYZE c;

CREATE TEMP TABLE by_name AS
SELECT p.id, c.code, CASE WHEN k.id IS NULL THEN (array_remove(c.turns, NULL))[1] ELSE pg_temp.left_of(c.turns, k.never) END AS owner
FROM p JOIN c ON c.code = p.component AND c.at = p.at LEFT JOIN kept_out k ON k.id = p.id;

CREATE TEMP TABLE by_place AS
SELECT p.id, n.code, CASE WHEN k.id IS NULL THEN (array_remove(n.turns, NULL))[1] ELSE pg_temp.left_of(n.turns, k.never) END AS owner
FROM p JOIN ruled r ON (r.edition, r.kind, r.code, r.at) = (p.edition, p.kind, p.code, p.at) AND p.kind = 'C'
LEFT JOIN kept_out k ON k.id = p.id,
LATERAL (
  SELECT c.code, c.turns, (ST_X(c.g) - p.x) ^ 2 + (ST_Y(c.g) - p.y) ^ 2 AS d FROM c
  WHERE c.g && ST_Expand(p.g, round(r.radius_m * 1000) + p.error) AND c.at = p.at
    AND (c.canon_edition, c.canon_code) = (r.canon_edition, r.canon_code)
    AND (ST_X(c.g) - p.x) ^ 2 + (ST_Y(c.g) - p.y) ^ 2 <= (round(r.radius_m * 1000) + p.error) ^ 2
  ORDER BY d, c.code LIMIT 1) n;

-- the answer -----------------------------------------------------------------------------------------------
CREATE TEMP TABLE held AS
SELECT p.id, jsonb_object_agg(i.set, i.code) AS areas,
       count(*) FILTER (WHERE i.set = ANY (territory)) > 0 AS inside,
       array_agg(s.who ORDER BY array_position(territory, i.set)) FILTER (WHERE i.set = ANY (territory)) AS departments
FROM p JOIN in_area i USING (id) LEFT JOIN stands s ON (s.code, s.at) = (i.department, p.at) CROSS JOIN wanmi.city GROUP BY p.id;
CREATE INDEX ON held (id);
ANALYZE held;
ANALYZE by_name;
ANALYZE by_place;
CREATE TEMP TABLE candidates AS
SELECT p.id, v.*
FROM p LEFT JOIN ruled r ON (r.edition, r.kind, r.code, r.at) = (p.edition, p.kind, p.code, p.at)
  LEFT JOIN stands s ON (s.code, s.at) = (r.department, p.at) LEFT JOIN kept_out k ON k.id = p.id
  LEFT JOIN held h ON h.id = p.id LEFT JOIN by_name n ON n.id = p.id LEFT JOIN by_place b ON b.id = p.id
  LEFT JOIN in_zone o ON o.id = p.id AND o.effect = 'only' LEFT JOIN in_zone g ON g.id = p.id AND g.effect = 'gives'
  CROSS JOIN LATERAL (VALUES
    (1, CASE WHEN o.is_line THEN 'zone_line' ELSE 'zone_area' END, o.department, '', o.code),
    (CASE r.first WHEN 'locality' THEN 2 ELSE 5 END,
     CASE WHEN g.is_line THEN 'zone_line' ELSE 'zone_area' END, g.department, '', g.code),
    (3, 'component_named', n.owner, n.code, ''),
    (4, 'component_nearest', b.owner, b.code, ''),
    (6, 'territory', CASE WHEN h.inside AND k.id IS NULL THEN (array_remove(s.who || h.departments, NULL))[1]
                          WHEN h.inside THEN pg_temp.left_of(s.who || h.departments, k.never) END, '', '')) v (step, rule, department, component, zone)
WHERE v.department IS NOT NULL;
CREATE TEMP TABLE oracle AS
SELECT p.id, coalesce(u.unit, '') AS unit, coalesce(h.areas, '{}') AS areas,
  coalesce(f.rule, CASE WHEN h.inside THEN 'unowned' ELSE 'outside' END) AS rule, coalesce(f.department, '') AS department,
  coalesce(f.component, '') AS component, coalesce(f.zone, '') AS zone
FROM p LEFT JOIN in_unit u USING (id) LEFT JOIN held h USING (id)
  LEFT JOIN (SELECT DISTINCT ON (id) * FROM candidates ORDER BY id, step) f USING (id);
