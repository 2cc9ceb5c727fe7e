-- Numbers of the cases that a run which was to answer all of them, and was broken off, has not answered.
-- Parameters: version, of its snapshot; begun, a pg_snapshot as text, of its beginning; everything, closed cases too.
-- Columns: id. Index: none, a hash join. Up to millions of rows.
SELECT c.id FROM wanmi.cases c LEFT JOIN wanmi.answers a ON a.case_id = c.id
WHERE (%(everything)s OR c.closed_at IS NULL OR a.case_id IS NULL)
  AND (a.snapshot IS DISTINCT FROM %(version)s OR wanmi.unseen(c.xmin, %(begun)s))
ORDER BY c.id
