-- What changed since a run began, for due_cases: rows that were not to be seen then, and those no longer believed since.
-- Parameters: seen, a pg_snapshot as text. Temporary table class_components must be there. Index: none, scans that
--   compare numbers.
CREATE TEMP TABLE changed_grounds ON COMMIT DROP AS
    SELECT footprint AS geom, valid_from, valid_to, classes AS filter FROM wanmi.zones t WHERE wanmi.unseen(t.xmin, %(seen)s)
    UNION ALL
    SELECT geom, valid_from, valid_to, NULL FROM wanmi.areas t WHERE wanmi.unseen(t.xmin, %(seen)s)
    UNION ALL
    SELECT geom, valid_from, valid_to, NULL FROM wanmi.units t WHERE wanmi.unseen(t.xmin, %(seen)s);
CREATE TEMP TABLE changed_components ON COMMIT DROP AS
    SELECT t.code, s.component, t.geom, t.valid_from, t.valid_to FROM wanmi.components t
    LEFT JOIN class_components s ON (s.edition, s.kind, s.code) = (t.edition, t.kind, t.class_code)
    WHERE wanmi.unseen(t.xmin, %(seen)s)
