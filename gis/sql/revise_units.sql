-- Versions of unit grids end and begin at one instant; what was believed until now stays recorded as such.
-- Parameters: at, the instant; stamp, that of this load. Temporary tables: revised, ending (revise_staging).
-- Index: units_pkey.
CREATE TEMP TABLE ended ON COMMIT DROP AS
    SELECT t.* FROM wanmi.units t JOIN ending USING (code)
    WHERE t.replaced_at = 'infinity' AND t.valid_from <= %(at)s AND %(at)s < t.valid_to;
UPDATE wanmi.units t SET replaced_at = %(stamp)s
FROM ended e
WHERE (t.code, t.valid_from, t.recorded_at) = (e.code, e.valid_from, e.recorded_at);
INSERT INTO wanmi.units (code, name, community, kind, issue, geom, valid_from, valid_to, recorded_at)
    SELECT code, name, community, kind, issue, geom, valid_from, %(at)s, %(stamp)s FROM ended WHERE valid_from < %(at)s;
INSERT INTO wanmi.units (code, name, community, kind, issue, geom, valid_from, valid_to, recorded_at)
    SELECT r.code, r.name, r.community, r.kind, r.issue, r.geom, %(at)s, coalesce(e.valid_to, 'infinity'), %(stamp)s
    FROM revised r LEFT JOIN ended e USING (code)
