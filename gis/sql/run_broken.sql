-- A run that was broken off and can be taken up again. Parameters: snapshot, everything, since.
-- Columns: run, seen; one row or none.
SELECT run, seen FROM wanmi.answer_runs
WHERE done_at IS NULL AND snapshot = %(snapshot)s AND everything = %(everything)s AND since IS NOT DISTINCT FROM %(since)s
ORDER BY run DESC LIMIT 1
