-- What changed since a run began, for due_cases: rows that were not to be seen then, and those no longer believed since.
-- Parameters: seen, a pg_snapshot as text. Temporary table class_components must be there. Index: none, scans that
--   compare numbers.

-- Departments that others may stand for since an instant: those whose time or parent changed, and below them those that
-- are not always there. A name that changed is none of them.
CREATE TEMP TABLE changed_departments ON COMMIT DROP AS
    WITH RECURSIVE spans AS (
        SELECT code, parent,
            COALESCE(range_agg(tstzrange(valid_from, valid_to)) FILTER (WHERE replaced_at < 'infinity'), tstzmultirange()) AS before,
            COALESCE(range_agg(tstzrange(valid_from, valid_to)) FILTER (WHERE replaced_at = 'infinity'), tstzmultirange()) AS now
        FROM wanmi.departments t WHERE wanmi.unseen(t.xmin, %(seen)s) GROUP BY code, parent
    ), edited AS (
        SELECT s.code, min(lower(s.before - s.now + (s.now - s.before))) AS since
        FROM spans s WHERE s.before <> s.now GROUP BY s.code
    ), concerned AS (
        -- before its first version a department is stood for by that version's parent
        SELECT e.code, CASE WHEN e.since > (SELECT min(d.valid_from) FROM wanmi.departments d WHERE d.code = e.code)
                            THEN e.since ELSE '-infinity' END AS since
        FROM edited e
        UNION
        SELECT d.code, c.since FROM concerned c JOIN wanmi.departments d ON d.parent = c.code
        WHERE NOT EXISTS (SELECT FROM wanmi.departments a WHERE a.code = d.code AND a.replaced_at = 'infinity'
                          AND a.valid_from = '-infinity' AND a.valid_to = 'infinity')
    )
    SELECT code, min(since) AS since FROM concerned GROUP BY code;
CREATE TEMP TABLE changed_grounds ON COMMIT DROP AS
    SELECT footprint AS geom, valid_from, valid_to, classes AS filter FROM wanmi.zones t WHERE wanmi.unseen(t.xmin, %(seen)s)
    UNION ALL
    SELECT t.footprint, GREATEST(t.valid_from, d.since), t.valid_to, t.classes
    FROM wanmi.zones t JOIN changed_departments d ON d.code = t.department
    WHERE t.replaced_at = 'infinity' AND d.since < t.valid_to
    UNION ALL
    SELECT t.geom, GREATEST(t.valid_from, d.since), t.valid_to, NULL
    FROM wanmi.areas t JOIN changed_departments d ON d.code = t.department
    WHERE t.replaced_at = 'infinity' AND d.since < t.valid_to
    UNION ALL
    SELECT geom, valid_from, valid_to, NULL FROM wanmi.areas t WHERE wanmi.unseen(t.xmin, %(seen)s)
    UNION ALL
    SELECT geom, valid_from, valid_to, NULL FROM wanmi.units t WHERE wanmi.unseen(t.xmin, %(seen)s);
CREATE TEMP TABLE changed_components ON COMMIT DROP AS
    SELECT t.code, s.component, t.geom, t.valid_from, t.valid_to FROM wanmi.components t
    LEFT JOIN class_components s ON (s.edition, s.kind, s.code) = (t.edition, t.kind, t.class_code)
    WHERE wanmi.unseen(t.xmin, %(seen)s)
    UNION ALL
    SELECT t.code, s.component, t.geom, GREATEST(t.valid_from, d.since), t.valid_to
    FROM changed_departments d JOIN wanmi.components t ON d.code IN (t.supervising, t.owning, t.maintaining)
    LEFT JOIN class_components s ON (s.edition, s.kind, s.code) = (t.edition, t.kind, t.class_code)
    WHERE t.replaced_at = 'infinity' AND d.since < t.valid_to
