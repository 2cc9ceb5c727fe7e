-- Numbers of the cases that are due an answer, because of what changed since an earlier run.
-- Parameters: seen, a pg_snapshot as text, of the earlier run; since, version of its snapshot; version, the new one;
--   resumed, true when the present run was broken off; begun, its pg_snapshot; everything, closed cases too;
--   reach_m, farthest that a component is looked for; far_m, position error from which cases are gone through one by one;
--   doubt, how many times its position error a case's probability looks around; channels, {channel: metres}, the error
--   of cases that tell none.
-- Temporary tables: changed_grounds (geom, valid_from, valid_to, filter), changed_components (code, component, geom,
--   valid_from, valid_to), changed_classes (edition, kind, code), class_takes (filter, edition, kind, code),
--   class_components (edition, kind, code, component).
-- Columns: id. Index: cases_geom, driven from the changed grounds and components; two scans for what cannot be placed.
WITH concerned AS (
    -- the ground of a zone, an area or a unit that changed, as far as a case's doubt reaches
    SELECT c.id FROM changed_grounds g CROSS JOIN LATERAL (
        SELECT c.id, c.edition, c.kind, c.class_code FROM wanmi.cases c
        WHERE ST_DWithin(g.geom, c.geom, %(doubt)s * %(far_m)s + 0.002)
          AND ST_DWithin(g.geom, c.geom, 0.002
              + %(doubt)s * COALESCE(c.accuracy_m, (%(channels)s::jsonb ->> c.channel)::double precision, 0))
          AND g.valid_from <= c.reported_at AND c.reported_at < g.valid_to
        OFFSET 0
    ) c
    WHERE g.filter IS NULL OR EXISTS (
        SELECT FROM class_takes k WHERE k.filter = g.filter
          AND (k.edition, k.kind, k.code) IS NOT DISTINCT FROM (c.edition, c.kind, c.class_code)
    )
    UNION
    SELECT c.id FROM wanmi.cases c JOIN changed_grounds g
        ON g.valid_from <= c.reported_at AND c.reported_at < g.valid_to
        AND ST_DWithin(g.geom, c.geom, 0.002
            + %(doubt)s * COALESCE(c.accuracy_m, (%(channels)s::jsonb ->> c.channel)::double precision))
    WHERE COALESCE(c.accuracy_m, (%(channels)s::jsonb ->> c.channel)::double precision) > %(far_m)s
      AND (g.filter IS NULL OR EXISTS (
        SELECT FROM class_takes k WHERE k.filter = g.filter
          AND (k.edition, k.kind, k.code) IS NOT DISTINCT FROM (c.edition, c.kind, c.class_code)
      ))
    UNION
    -- a component that changed, within reach of the place
    SELECT c.id FROM changed_components k CROSS JOIN LATERAL (
        SELECT c.id, c.edition, c.kind, c.class_code FROM wanmi.cases c
        WHERE ST_DWithin(k.geom, c.geom, %(reach_m)s + %(doubt)s * %(far_m)s + 0.01)
          AND ST_Distance(k.geom, c.geom) <= %(reach_m)s + 0.01
              + %(doubt)s * COALESCE(c.accuracy_m, (%(channels)s::jsonb ->> c.channel)::double precision, 0)
          AND k.valid_from <= c.reported_at AND c.reported_at < k.valid_to
        OFFSET 0
    ) c
    JOIN class_components s ON (s.edition, s.kind, s.code) = (c.edition, c.kind, c.class_code) AND s.component = k.component
    UNION
    SELECT c.id FROM wanmi.cases c
    JOIN class_components s ON (s.edition, s.kind, s.code) = (c.edition, c.kind, c.class_code)
    JOIN changed_components k ON s.component = k.component
        AND ST_DWithin(k.geom, c.geom, %(reach_m)s + 0.01
            + %(doubt)s * COALESCE(c.accuracy_m, (%(channels)s::jsonb ->> c.channel)::double precision))
    WHERE COALESCE(c.accuracy_m, (%(channels)s::jsonb ->> c.channel)::double precision) > %(far_m)s
    UNION
    -- a component that changed, named by the report
    SELECT c.id FROM wanmi.cases c JOIN changed_components k ON k.code = c.component
    UNION
    -- a class whose rule changed, wherever
    SELECT c.id FROM wanmi.cases c
    JOIN changed_classes k ON (k.edition, k.kind, k.code) = (c.edition, c.kind, c.class_code)
    UNION
    -- a case that is new or was changed itself
    SELECT c.id FROM wanmi.cases c WHERE wanmi.unseen(c.xmin, %(seen)s)
    UNION
    -- an answer that neither the earlier run nor this one gave, nor stood then
    SELECT a.case_id FROM wanmi.answers a
    WHERE a.snapshot NOT IN (%(since)s, %(version)s) AND wanmi.unseen(a.xmin, %(seen)s)
    UNION
    SELECT c.id FROM wanmi.cases c WHERE NOT EXISTS (SELECT FROM wanmi.answers a WHERE a.case_id = c.id)
)
SELECT c.id FROM concerned JOIN wanmi.cases c USING (id) LEFT JOIN wanmi.answers a ON a.case_id = c.id
WHERE (%(everything)s OR c.closed_at IS NULL OR a.case_id IS NULL)
  -- what this very run has answered before it was broken off
  AND NOT (%(resumed)s AND a.snapshot IS NOT DISTINCT FROM %(version)s AND NOT wanmi.unseen(c.xmin, %(begun)s))
ORDER BY c.id
