-- Writes what planned rows say.
-- Parts: {target}; {planned}; {columns} of the table without times. Parameter: stamp.
INSERT INTO {target} ({columns}, valid_from, valid_to, recorded_at)
SELECT {columns}, begins, ends, %(stamp)s
FROM {planned}
WHERE action IN ('new', 'correct', 'follow', 'end')
