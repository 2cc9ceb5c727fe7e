-- The comment on the database: for a demo city, the summary of its making.
-- No parameters. One row, NULL for none. Index: none is needed.
SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()
