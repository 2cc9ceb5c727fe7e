-- Notes a snapshot that was made of this record.
-- Parameters: version, at, known_at. One row.
INSERT INTO wanmi.snapshots (version, at, known_at) VALUES (%(version)s, %(at)s, %(known_at)s)
ON CONFLICT (version) DO NOTHING
