-- What changed in the layers that answers rest on, told when it is committed; the snapshots that were made of them.

CREATE TABLE wanmi.layer_states (
    layer text COLLATE "C" NOT NULL,
    change bigint NOT NULL DEFAULT 0,
    state uuid NOT NULL DEFAULT gen_random_uuid(),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT layer_states_pkey PRIMARY KEY (layer)
);
COMMENT ON TABLE wanmi.layer_states IS
    'State of each layer that answers rest on: who holds the same state need not read the layer again';
COMMENT ON COLUMN wanmi.layer_states.layer IS 'table of the layer; record: the record itself, which keeps its first state';
COMMENT ON COLUMN wanmi.layer_states.change IS 'how often it was changed';
COMMENT ON COLUMN wanmi.layer_states.state IS 'name of the state, new with every change, never the same in two databases';
COMMENT ON COLUMN wanmi.layer_states.changed_at IS 'when it was changed last';

CREATE TABLE wanmi.snapshots (
    version text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT snapshots_pkey PRIMARY KEY (version)
);
COMMENT ON TABLE wanmi.snapshots IS 'Snapshots that were made of this record: what it takes to make one of them again';
COMMENT ON COLUMN wanmi.snapshots.version IS 'digest of its content, as answers name it';
COMMENT ON COLUMN wanmi.snapshots.at IS 'instant of cases that tell none';
COMMENT ON COLUMN wanmi.snapshots.known_at IS 'instant as of which the record was read';
COMMENT ON COLUMN wanmi.snapshots.made_at IS 'when it was made';

-- One notification a transaction, however many statements and layers: those that are alike are sent once.
CREATE FUNCTION wanmi.change_layer(changed text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE wanmi.layer_states
    SET change = change + 1, state = gen_random_uuid(), changed_at = clock_timestamp()
    WHERE layer = changed;
    PERFORM pg_notify('wanmi_record', '');
END
$$;
COMMENT ON FUNCTION wanmi.change_layer(text) IS
    'Gives a layer a new state and tells who listens to wanmi_record, at the commit; for writers that pass the triggers by';

-- A statement that wrote no row has changed nothing.
CREATE FUNCTION wanmi.note_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrote boolean := true;
BEGIN
    IF TG_OP <> 'TRUNCATE' THEN
        EXECUTE 'SELECT EXISTS (SELECT FROM written)' INTO wrote;
    END IF;
    IF wrote THEN
        PERFORM wanmi.change_layer(TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION wanmi.note_change() IS 'Trigger: the layer has a new state';

INSERT INTO wanmi.layer_states (layer) VALUES ('record');
DO $$
DECLARE
    layer text;
BEGIN
    FOREACH layer IN ARRAY ARRAY[
        'city', 'classes', 'departments', 'areas', 'rules', 'units', 'zones', 'components'
    ] LOOP
        INSERT INTO wanmi.layer_states (layer) VALUES (layer);
        EXECUTE format('CREATE TRIGGER note_insert AFTER INSERT ON wanmi.%I '
            'REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.note_change()', layer);
        EXECUTE format('CREATE TRIGGER note_update AFTER UPDATE ON wanmi.%I '
            'REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.note_change()', layer);
        EXECUTE format('CREATE TRIGGER note_delete AFTER DELETE ON wanmi.%I '
            'REFERENCING OLD TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.note_change()', layer);
        EXECUTE format('CREATE TRIGGER note_truncate AFTER TRUNCATE ON wanmi.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION wanmi.note_change()', layer);
    END LOOP;
END
$$;
