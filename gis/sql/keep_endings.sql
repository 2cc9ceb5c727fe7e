-- Writes again the part of a version that stays true after a planned row that holds within it for a time: from where
-- that row ends.
-- Parts: {target}; {planned}; {columns} of the table without times; {old}, the same as "t.column"; {key}.
-- Parameter: stamp. Index: the primary key of {target}.
INSERT INTO {target} ({columns}, valid_from, valid_to, recorded_at)
SELECT {old}, s.ends, s.old_to, %(stamp)s
FROM {planned} s
JOIN {target} t ON {key} AND t.valid_from = s.old_from AND t.recorded_at = s.old_recorded_at
WHERE s.action = 'follow' AND s.valid_to IS NOT NULL AND s.ends < s.old_to
