-- Components get the unit grid that follows theirs, from the instant of the revision on.
-- Parameters: at, stamp. Temporary table: moved_components. Index: components_pkey.
CREATE TEMP TABLE relinked ON COMMIT DROP AS
    SELECT t.*, m.new FROM wanmi.components t JOIN moved_components m USING (code, valid_from)
    WHERE t.replaced_at = 'infinity';
UPDATE wanmi.components t SET replaced_at = %(stamp)s
FROM relinked r
WHERE (t.code, t.valid_from, t.recorded_at) = (r.code, r.valid_from, r.recorded_at);
INSERT INTO wanmi.components (code, edition, kind, class_code, name, supervising, owning, maintaining, unit, state,
        source, geom, valid_from, valid_to, recorded_at)
    SELECT code, edition, kind, class_code, name, supervising, owning, maintaining, unit, state,
        source, geom, valid_from, %(at)s, %(stamp)s
    FROM relinked WHERE valid_from < %(at)s
    UNION ALL
    SELECT code, edition, kind, class_code, name, supervising, owning, maintaining, nullif(new, ''), state,
        source, geom, greatest(valid_from, %(at)s), valid_to, %(stamp)s
    FROM relinked;
INSERT INTO wanmi.unit_moves (thing, key, at, old, new, how, recorded_at)
    SELECT DISTINCT ON (code, old) 'component', code, %(at)s::timestamptz, old, new, how, %(stamp)s::timestamptz
    FROM moved_components ORDER BY code, old, valid_from
