-- Tables with a foreign key to a table. Parameter: table, its name in schema wanmi. A handful of rows.
SELECT DISTINCT t.relname::text
FROM pg_constraint f
JOIN pg_class t ON t.oid = f.conrelid
WHERE f.contype = 'f' AND f.confrelid = ('wanmi.' || %(table)s)::regclass AND f.conrelid <> f.confrelid
ORDER BY 1
