-- Indexes of a table, and how to make each again.
-- Parameter: table, its name in schema wanmi. Columns: index; constraint that it serves or null; its definition as
--   "CREATE INDEX …" or "PRIMARY KEY (…)"; whether a foreign key of another table leans on it. A handful of rows.
SELECT i.indexrelid::regclass::text, c.conname::text,
    coalesce(pg_get_constraintdef(c.oid), pg_get_indexdef(i.indexrelid)),
    EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = i.indexrelid)
FROM pg_index i
LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x')
WHERE i.indrelid = ('wanmi.' || %(table)s)::regclass
ORDER BY c.conname IS NULL, i.indexrelid
