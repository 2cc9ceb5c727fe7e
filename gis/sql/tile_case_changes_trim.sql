-- Forgets changes of cases that every reader has long seen. Parameter: none. Index: none, some thousands of rows.
DELETE FROM wanmi.case_changes WHERE changed_at < now() - interval '2 days'
