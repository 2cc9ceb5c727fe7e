-- Writes staged rows of things that the record knows nothing of.
-- Parts: {target}; {differing}; {columns} of the table without times. Parameter: stamp, the instant of this load.
INSERT INTO {target} ({columns}, valid_from, valid_to, recorded_at)
SELECT {columns}, coalesce(valid_from, '-infinity'), coalesce(valid_to, 'infinity'), %(stamp)s
FROM {differing}
WHERE fresh
