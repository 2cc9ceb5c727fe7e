-- The states that layers were in, so that "as known at" finds the version that answered then; as-of functions.

CREATE TABLE wanmi.layer_changes (
    layer text COLLATE "C" NOT NULL,
    change bigint NOT NULL,
    state uuid NOT NULL,
    transaction bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    begun_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT layer_changes_pkey PRIMARY KEY (layer, transaction)
);
COMMENT ON TABLE wanmi.layer_changes IS
    'Every state that a layer was in, one for each transaction that changed it: what was known at an instant';
COMMENT ON COLUMN wanmi.layer_changes.layer IS 'table of the layer';
COMMENT ON COLUMN wanmi.layer_changes.change IS 'how often it had been changed';
COMMENT ON COLUMN wanmi.layer_changes.state IS 'name of the state, as in layer_states';
COMMENT ON COLUMN wanmi.layer_changes.transaction IS 'transaction that changed it';
COMMENT ON COLUMN wanmi.layer_changes.begun_at IS 'when that transaction began: no row that it wrote is recorded earlier';
COMMENT ON COLUMN wanmi.layer_changes.changed_at IS 'when it changed the layer last: no row that it wrote is recorded later';

-- What was before this table: the states as they are, of which only the end is known.
INSERT INTO wanmi.layer_changes (layer, change, state, begun_at, changed_at)
SELECT layer, change, state, changed_at, changed_at FROM wanmi.layer_states WHERE layer <> 'record';

CREATE OR REPLACE FUNCTION wanmi.change_layer(changed text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH now_so AS (
        UPDATE wanmi.layer_states
        SET change = change + 1, state = gen_random_uuid(), changed_at = clock_timestamp()
        WHERE layer = changed
        RETURNING layer, change, state, changed_at
    )
    INSERT INTO wanmi.layer_changes (layer, change, state, changed_at)
    SELECT layer, change, state, changed_at FROM now_so
    ON CONFLICT (layer, transaction) DO UPDATE
    SET change = excluded.change, state = excluded.state, changed_at = excluded.changed_at;
    PERFORM pg_notify('wanmi_record', '');
END
$$;

-- One function for each dated table: SELECT … FROM wanmi.zones_at('2026-07-02', '2026-07-02').
DO $$
DECLARE
    dated text;
BEGIN
    FOREACH dated IN ARRAY ARRAY['areas', 'departments', 'rules', 'zones', 'rosters', 'units', 'components'] LOOP
        EXECUTE format(
            'CREATE FUNCTION wanmi.%1$I(at timestamptz DEFAULT now(), known_at timestamptz DEFAULT now()) '
            'RETURNS SETOF wanmi.%2$I LANGUAGE sql STABLE AS $f$ '
            'SELECT t.* FROM wanmi.%2$I t '
            'WHERE t.valid_from <= $1 AND $1 < t.valid_to AND t.recorded_at <= $2 AND $2 < t.replaced_at $f$',
            dated || '_at', dated
        );
        EXECUTE format(
            'COMMENT ON FUNCTION wanmi.%I(timestamptz, timestamptz) IS %L', dated || '_at',
            'Table ' || dated || ': what holds at an instant, as it was known at another; both are now by default'
        );
    END LOOP;
END
$$;
