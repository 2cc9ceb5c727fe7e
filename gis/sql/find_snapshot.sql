-- Snapshots that were made of this record and whose version begins so.
-- Parameter: begins. Columns: version, at, known_at. Index: the primary key; a handful of rows.
SELECT version, at, known_at FROM wanmi.snapshots WHERE starts_with(version, %(begins)s) ORDER BY version LIMIT 2
