-- What happened to a case, in order. Parameters: id; known_at, null for now. Columns: kind, at, actor, note.
SELECT kind, at, coalesce(actor, ''), coalesce(note, '')
FROM wanmi.case_events
WHERE case_id = %(id)s AND (%(known_at)s::timestamptz IS NULL OR recorded_at <= %(known_at)s)
ORDER BY seq
