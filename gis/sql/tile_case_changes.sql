-- Numbers of the cases that changed since a snapshot of transactions, with their digests; empty text: too many to name.
-- Parameter: seen, a pg_snapshot as text. Columns: case_id, digest. Index: case_changes_transaction. Size: a handful.
SELECT DISTINCT case_id, hashtextextended(case_id, 0)
FROM wanmi.case_changes
WHERE transaction >= pg_snapshot_xmin(%(seen)s::pg_snapshot)::text::bigint
    AND NOT pg_visible_in_snapshot(transaction::text::xid8, %(seen)s::pg_snapshot)
