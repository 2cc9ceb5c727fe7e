-- Runs that answered the cases of the record: what an answer that no later run touched still stands for.

CREATE TABLE wanmi.answer_runs (
    run bigint GENERATED ALWAYS AS IDENTITY,
    snapshot text COLLATE "C" NOT NULL,
    seen text NOT NULL,
    states jsonb NOT NULL,
    everything boolean NOT NULL,
    since bigint,
    answered bigint,
    begun_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz,
    CONSTRAINT answer_runs_pkey PRIMARY KEY (run),
    CONSTRAINT answer_runs_since_fkey FOREIGN KEY (since) REFERENCES wanmi.answer_runs (run)
);
COMMENT ON TABLE wanmi.answer_runs IS
    'Runs that answered the cases: when one is done, each open case (or each case) has the answer that its snapshot gives';
COMMENT ON COLUMN wanmi.answer_runs.run IS 'number of the run';
COMMENT ON COLUMN wanmi.answer_runs.snapshot IS 'version of the snapshot whose answers all are those of';
COMMENT ON COLUMN wanmi.answer_runs.seen IS 'transactions that the record showed when the run began, as PostgreSQL writes them';
COMMENT ON COLUMN wanmi.answer_runs.states IS 'state of each layer that the snapshot was made of: {layer: state}';
COMMENT ON COLUMN wanmi.answer_runs.everything IS 'true: closed cases too; false: those that are open or had no answer';
COMMENT ON COLUMN wanmi.answer_runs.since IS 'run before it, whose answers it let stand where nothing had changed; empty: all were given anew';
COMMENT ON COLUMN wanmi.answer_runs.answered IS 'cases that it answered; empty: not done';
COMMENT ON COLUMN wanmi.answer_runs.begun_at IS 'when it began';
COMMENT ON COLUMN wanmi.answer_runs.done_at IS 'when it was done; empty: under way, or broken off and to be taken up again';

-- A row's xmin lacks its epoch: it is that of the next transaction, or the one before for numbers that are still to come.
CREATE FUNCTION wanmi.unseen(wrote xid, seen text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT wrote::text::bigint > 2 AND NOT pg_visible_in_snapshot((
        (n.next >> 32 << 32) + wrote::text::bigint
        - CASE WHEN wrote::text::bigint >= (n.next & 4294967295) THEN 4294967296 ELSE 0 END
    )::text::xid8, seen::pg_snapshot)
    FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next) n
$$;
COMMENT ON FUNCTION wanmi.unseen(xid, text) IS 'Whether a row (by its xmin) was not to be seen yet in a snapshot of transactions';
