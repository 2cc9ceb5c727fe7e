-- The last run whose answers may stand where nothing changed.
-- Parameters: everything, whether closed cases must have been among them. Columns: run, snapshot, seen, states; one row
--   or none. Not one of another server: its transactions would be those to come.
SELECT run, snapshot, seen, states FROM wanmi.answer_runs
WHERE done_at IS NOT NULL AND (everything OR NOT %(everything)s)
  AND pg_snapshot_xmax(seen::pg_snapshot)::text::bigint <= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
ORDER BY run DESC LIMIT 1
