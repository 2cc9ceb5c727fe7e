-- Adds a step to a case. Parameters: case_id, kind, at, actor, note. Numbers follow each other within the case.
INSERT INTO wanmi.case_events (case_id, seq, kind, at, actor, note)
SELECT %(case_id)s, coalesce(max(seq), 0) + 1, %(kind)s, %(at)s, %(actor)s, %(note)s
FROM wanmi.case_events
WHERE case_id = %(case_id)s
