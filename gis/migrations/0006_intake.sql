-- Cases that come in one by one. A key that was answered once gets the same answer for ever.

CREATE TABLE wanmi.intake (
    key text COLLATE "C" NOT NULL,
    body text COLLATE "C" NOT NULL,
    case_id text COLLATE "C" NOT NULL,
    answer json NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT intake_pkey PRIMARY KEY (key),
    CONSTRAINT intake_case_id_fkey FOREIGN KEY(case_id) REFERENCES wanmi.cases (id)
        DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX intake_case_id ON wanmi.intake (case_id);
COMMENT ON TABLE wanmi.intake IS 'Cases that were handed in one by one, with what was answered';
COMMENT ON COLUMN wanmi.intake.key IS 'Idempotency-Key of the sender; made by us when none was sent';
COMMENT ON COLUMN wanmi.intake.body IS 'SHA-256 of the body: the same key with another body is refused';
COMMENT ON COLUMN wanmi.intake.case_id IS 'case that was recorded';
COMMENT ON COLUMN wanmi.intake.answer IS 'answer that was given, in full, letter by letter';
COMMENT ON COLUMN wanmi.intake.received_at IS 'when it came in';

CREATE SEQUENCE wanmi.case_number AS bigint;
COMMENT ON SEQUENCE wanmi.case_number IS 'Numbers of cases that come in without one: W, day, number';
