-- Answers of cases get the unit grid that follows theirs, so that counts by unit go on.
-- Parameters: at, stamp. Temporary table: moved_cases. Index: answers_pkey.
UPDATE wanmi.answers a SET unit = nullif(m.new, '')
FROM moved_cases m
WHERE a.case_id = m.code AND a.unit = m.old;
INSERT INTO wanmi.unit_moves (thing, key, at, old, new, how, recorded_at)
    SELECT 'case', code, %(at)s, old, new, how, %(stamp)s FROM moved_cases
