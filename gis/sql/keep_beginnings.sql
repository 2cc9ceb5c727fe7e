-- Writes again the part of a version that stays true when a planned row follows it: up to where that row begins. What this
-- very load wrote is cut instead.
-- Parts: {target}; {planned}; {columns} of the table without times; {old}, the same as "t.column"; {key}.
-- Parameter: stamp. Index: the primary key of {target}.
INSERT INTO {target} ({columns}, valid_from, valid_to, recorded_at)
SELECT {old}, t.valid_from, s.begins, %(stamp)s
FROM {planned} s
JOIN {target} t ON {key} AND t.valid_from = s.old_from AND t.recorded_at = s.old_recorded_at
WHERE s.action = 'follow' AND s.old_recorded_at < %(stamp)s
