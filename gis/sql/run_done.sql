-- Notes that a run is done. Parameters: run, answered.
UPDATE wanmi.answer_runs SET answered = %(answered)s, done_at = clock_timestamp() WHERE run = %(run)s
