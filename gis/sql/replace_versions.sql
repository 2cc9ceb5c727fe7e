-- Ends the knowledge of the versions that planned rows correct, follow or end.
-- Parts: {target}; {planned}; {key}, "t.k = s.k AND …". Parameter: stamp, the instant of this load.
-- Index: the primary key of {target}.
UPDATE {target} t
SET replaced_at = %(stamp)s
FROM {planned} s
WHERE s.action IN ('correct', 'follow', 'end')
  AND {key} AND t.valid_from = s.old_from AND t.recorded_at = s.old_recorded_at
