-- Notes that a run begins. Parameters: snapshot, states (JSON), everything, since. Columns: run, seen; one row.
INSERT INTO wanmi.answer_runs (snapshot, seen, states, everything, since)
VALUES (%(snapshot)s, pg_current_snapshot()::text, %(states)s, %(everything)s, %(since)s)
RETURNING run, seen
