-- Ends the knowledge of the versions that planned rows correct, follow or end. What this very load wrote was never known:
-- it is cut where a planned row follows it or takes the place of its beginning, and goes where one takes all of it.
-- Parts: {target}; {planned}; {key}, "t.k = s.k AND …". Parameter: stamp, the instant of this load.
-- Index: the primary key of {target}.
UPDATE {target} t
SET replaced_at = %(stamp)s
FROM {planned} s
WHERE s.action IN ('correct', 'follow', 'end') AND s.old_recorded_at < %(stamp)s
  AND {key} AND t.valid_from = s.old_from AND t.recorded_at = s.old_recorded_at;
UPDATE {target} t
SET valid_to = CASE s.action WHEN 'follow' THEN s.begins ELSE t.valid_to END,
    valid_from = CASE s.action WHEN 'follow' THEN t.valid_from ELSE s.ends END
FROM {planned} s
WHERE (s.action = 'follow' OR s.action = 'correct' AND s.ends < s.old_to) AND s.old_recorded_at = %(stamp)s
  AND {key} AND t.valid_from = s.old_from AND t.recorded_at = s.old_recorded_at;
DELETE FROM {target} t
USING {planned} s
WHERE (s.action = 'end' OR s.action = 'correct' AND s.ends >= s.old_to) AND s.old_recorded_at = %(stamp)s
  AND {key} AND t.valid_from = s.old_from AND t.recorded_at = s.old_recorded_at
