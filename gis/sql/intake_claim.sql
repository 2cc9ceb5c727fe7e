-- Takes a key for a case; no row comes back when it was taken before.
-- Parameters: key, body, case_id, answer. Waits for another transaction that takes the same key.
INSERT INTO wanmi.intake (key, body, case_id, answer)
VALUES (%(key)s, %(body)s, %(case_id)s, %(answer)s)
ON CONFLICT (key) DO NOTHING
RETURNING key
