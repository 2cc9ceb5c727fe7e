-- What happened to a case, in order. Parameter: id. Columns: kind, at, actor, note.
SELECT kind, at, coalesce(actor, ''), coalesce(note, '')
FROM wanmi.case_events
WHERE case_id = %(id)s
ORDER BY seq
