-- Cases, what happened to them, and the answers. {srid} stands for the city's EPSG code.

CREATE TABLE wanmi.cases (
    id text COLLATE "C" NOT NULL,
    edition text COLLATE "C",
    kind text COLLATE "C",
    class_code text COLLATE "C",
    component text COLLATE "C",
    geom geometry(Point, {srid}),
    no_location text,
    accuracy_m double precision,
    channel text,
    reported_at timestamptz NOT NULL,
    filed_at timestamptz,
    due_at timestamptz,
    closed_at timestamptz,
    status text,
    department text COLLATE "C",
    returns integer,
    address text,
    description text,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT cases_pkey PRIMARY KEY (id),
    CONSTRAINT cases_geom_finite CHECK ((abs(ST_X(geom) + ST_Y(geom)) < 1e9) IS TRUE OR geom IS NULL),
    CONSTRAINT cases_accuracy CHECK (accuracy_m >= 0 AND accuracy_m < 1e9),
    CONSTRAINT cases_returns CHECK (returns >= 0)
);
CREATE INDEX cases_geom ON wanmi.cases USING gist (geom);
CREATE INDEX cases_reported_at ON wanmi.cases (reported_at);
COMMENT ON TABLE wanmi.cases IS 'Cases (案件): what was reported, where and when';
COMMENT ON COLUMN wanmi.cases.id IS 'case number of the source system';
COMMENT ON COLUMN wanmi.cases.edition IS 'edition of the class code: 2007, 2013, 2026 or the city''s own';
COMMENT ON COLUMN wanmi.cases.kind IS 'C component (部件), E event (事件)';
COMMENT ON COLUMN wanmi.cases.class_code IS 'class code within edition and kind, without either';
COMMENT ON COLUMN wanmi.cases.component IS 'component code that the report names';
COMMENT ON COLUMN wanmi.cases.geom IS 'reported place; empty when it has none';
COMMENT ON COLUMN wanmi.cases.no_location IS 'why it has no place: missing, wrong_datum; else empty';
COMMENT ON COLUMN wanmi.cases.accuracy_m IS 'position error in metres (68 % radius)';
COMMENT ON COLUMN wanmi.cases.channel IS 'patrol, hotline, wechat, app, video …';
COMMENT ON COLUMN wanmi.cases.reported_at IS 'when it was reported';
COMMENT ON COLUMN wanmi.cases.filed_at IS 'when it was filed (立案); empty: not filed';
COMMENT ON COLUMN wanmi.cases.due_at IS 'when it is due';
COMMENT ON COLUMN wanmi.cases.closed_at IS 'when it was closed (结案); empty: open';
COMMENT ON COLUMN wanmi.cases.status IS 'reported, filed, closed …';
COMMENT ON COLUMN wanmi.cases.department IS 'final owner as the source system has it';
COMMENT ON COLUMN wanmi.cases.returns IS 'how often it was handed back (回退)';
COMMENT ON COLUMN wanmi.cases.address IS 'where, in words';
COMMENT ON COLUMN wanmi.cases.description IS 'what, in words';
COMMENT ON COLUMN wanmi.cases.recorded_at IS 'when the record learned it';

CREATE TABLE wanmi.case_events (
    case_id text COLLATE "C" NOT NULL,
    seq integer NOT NULL,
    kind text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    actor text,
    note text,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT case_events_pkey PRIMARY KEY (case_id, seq),
    CONSTRAINT case_events_case_id_fkey FOREIGN KEY(case_id) REFERENCES wanmi.cases (id),
    CONSTRAINT case_events_seq CHECK (seq > 0)
);
CREATE INDEX case_events_at ON wanmi.case_events (at);
COMMENT ON TABLE wanmi.case_events IS 'What happened to a case, step by step';
COMMENT ON COLUMN wanmi.case_events.case_id IS 'case';
COMMENT ON COLUMN wanmi.case_events.seq IS 'number within the case, from 1';
COMMENT ON COLUMN wanmi.case_events.kind IS 'report, file, dispatch, return, extend, suspend, dispose, verify, close …';
COMMENT ON COLUMN wanmi.case_events.at IS 'when it happened';
COMMENT ON COLUMN wanmi.case_events.actor IS 'person or department that did it';
COMMENT ON COLUMN wanmi.case_events.note IS 'remark';
COMMENT ON COLUMN wanmi.case_events.recorded_at IS 'when the record learned it';

CREATE TABLE wanmi.answers (
    case_id text COLLATE "C" NOT NULL,
    snapshot text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    unit text COLLATE "C",
    areas jsonb NOT NULL,
    department text COLLATE "C",
    rule text COLLATE "C" NOT NULL,
    reason text,
    component text COLLATE "C",
    distance_m double precision,
    zone text COLLATE "C",
    on_edge boolean NOT NULL,
    probability double precision,
    ask_first boolean NOT NULL,
    answered_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT answers_pkey PRIMARY KEY (case_id),
    CONSTRAINT answers_probability CHECK (probability BETWEEN 0 AND 1)
);
CREATE INDEX answers_department ON wanmi.answers (department);
CREATE INDEX answers_unit ON wanmi.answers (unit);
COMMENT ON TABLE wanmi.answers IS 'The latest answer for each case: who owns it, and by which rule';
COMMENT ON COLUMN wanmi.answers.case_id IS 'case';
COMMENT ON COLUMN wanmi.answers.snapshot IS 'version of the snapshot that answered';
COMMENT ON COLUMN wanmi.answers.at IS 'instant for which it was answered';
COMMENT ON COLUMN wanmi.answers.unit IS 'unit grid of the place';
COMMENT ON COLUMN wanmi.answers.areas IS 'code of the area in each area set: {set: code}';
COMMENT ON COLUMN wanmi.answers.department IS 'owner; empty: nobody';
COMMENT ON COLUMN wanmi.answers.rule IS 'rule that decided: component_named … outside, unowned';
COMMENT ON COLUMN wanmi.answers.reason IS 'why it has no location: missing, default_point, wrong_datum';
COMMENT ON COLUMN wanmi.answers.component IS 'component that was found';
COMMENT ON COLUMN wanmi.answers.distance_m IS 'distance to it, metres';
COMMENT ON COLUMN wanmi.answers.zone IS 'zone that decided';
COMMENT ON COLUMN wanmi.answers.on_edge IS 'true: it lay on an edge, the lower code won';
COMMENT ON COLUMN wanmi.answers.probability IS 'probability of the owner, given the position error';
COMMENT ON COLUMN wanmi.answers.ask_first IS 'true: the owner is too unsure to dispatch unasked';
COMMENT ON COLUMN wanmi.answers.answered_at IS 'when it was answered';

CREATE TRIGGER refer_to_classes_insert AFTER INSERT ON wanmi.cases
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.refer_to_classes();
CREATE TRIGGER refer_to_classes_update AFTER UPDATE ON wanmi.cases
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.refer_to_classes();

-- Answers come by the hundred thousand, so that their cases are looked up once for each statement, not for each row.
CREATE FUNCTION wanmi.refer_to_cases() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lost text;
BEGIN
    EXECUTE $q$
        SELECT n.case_id FROM written n WHERE NOT EXISTS (SELECT FROM wanmi.cases c WHERE c.id = n.case_id) LIMIT 1
    $q$ INTO lost;
    IF lost IS NOT NULL THEN
        RAISE EXCEPTION 'case % is not recorded', lost
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'answers_case', SCHEMA = 'wanmi', TABLE = 'answers';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION wanmi.refer_to_cases() IS 'Trigger: the cases of the answers written are recorded';
CREATE TRIGGER refer_to_cases_insert AFTER INSERT ON wanmi.answers
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.refer_to_cases();
CREATE TRIGGER refer_to_cases_update AFTER UPDATE ON wanmi.answers
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.refer_to_cases();

CREATE FUNCTION wanmi.take_answers_along() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM wanmi.answers a USING gone WHERE a.case_id = gone.id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION wanmi.take_answers_along() IS 'Trigger: answers go with their cases';
CREATE TRIGGER take_answers_along AFTER DELETE ON wanmi.cases
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION wanmi.take_answers_along();
