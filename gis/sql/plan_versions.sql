-- What each differing row of a known thing does to its versions, those of one turn.
-- A row without a beginning speaks of the last version before its end; without an end it keeps the version's. Actions:
--   new        no version is touched: [its beginning or always, its end or the next version's beginning)
--   correct    it begins with a version, or speaks of it: takes its place
--   follow     it begins within a version: that one ends there, and goes on after it where the row names an end
--   end        it only ends a version, whose values it repeats
--   none       it repeats a version that ended
--   refused    it would overlap a later version, or end before it begins
-- Parts: {planned}, the table to make; {differing}; {target}; {key}, "t.k = s.k AND …"; {same}, "t.v IS NOT DISTINCT
--   FROM s.v AND …" of the values; {key2}, the key of t2. Parameter: turn.
-- Index: the primary key of {target}, twice for each differing row.
CREATE TEMP TABLE {planned} ON COMMIT DROP AS
SELECT p.*,
    CASE
        WHEN p.ends <= p.begins OR p.ends > p.next_from THEN 'refused'
        WHEN p.old_from IS NULL THEN 'new'
        WHEN p.same AND p.ends = p.old_to THEN 'none'
        WHEN p.same AND p.ends < p.old_to THEN 'end'
        WHEN p.begins = p.old_from THEN 'correct'
        ELSE 'follow'
    END AS action
FROM (
    SELECT s.*,
        t.same, t.valid_from AS old_from, t.valid_to AS old_to, t.recorded_at AS old_recorded_at,
        n.valid_from AS next_from,
        CASE WHEN t.same THEN t.valid_from ELSE coalesce(s.valid_from, t.valid_from, '-infinity') END AS begins,
        coalesce(s.valid_to, t.valid_to, n.valid_from, 'infinity') AS ends
    FROM {differing} s
    LEFT JOIN LATERAL (
        SELECT t.valid_from, t.valid_to, t.recorded_at, {same} AS same
        FROM {target} t
        WHERE {key} AND t.replaced_at = 'infinity'
          AND (s.valid_from IS NULL AND t.valid_from < coalesce(s.valid_to, 'infinity')
               OR t.valid_from <= s.valid_from AND s.valid_from < t.valid_to)
        ORDER BY t.valid_from DESC
        LIMIT 1
    ) t ON true
    LEFT JOIN LATERAL (
        SELECT t2.valid_from
        FROM {target} t2
        WHERE {key2} AND t2.replaced_at = 'infinity'
          AND t2.valid_from > coalesce(s.valid_from, t.valid_from, '-infinity')
        ORDER BY t2.valid_from
        LIMIT 1
    ) n ON true
    WHERE s.turn = %(turn)s AND NOT s.fresh
) p
