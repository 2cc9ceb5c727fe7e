-- What was answered under a key. Parameter: key. Columns: body, case_id, answer as text. At most one row.
SELECT body, case_id, answer::text FROM wanmi.intake WHERE key = %(key)s
