"""What changed, and what was made of it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from gis import kinds


def add_changes(m: MetaData) -> None:
    """Add these tables."""
    Table(
        "ground_states",
        m,
        kinds.code("layer", "layer of the ground"),
        Column("change", BigInteger, nullable=False, server_default=text("1"), comment="how often it was changed"),
        kinds.instant("changed_at", "when it was changed last", "clock_timestamp()"),
        PrimaryKeyConstraint("layer", name="ground_states_pkey"),
        comment="State of each layer of the ground: who drew the same state need not draw it again",
    )
    Table(
        "case_changes",
        m,
        Column("change", BigInteger, Identity(always=True), comment="number of the change"),
        kinds.code("case_id", "case; empty text: more than are worth naming"),
        Column(
            "transaction",
            BigInteger,
            nullable=False,
            server_default=text("((pg_current_xact_id())::text)::bigint"),
            comment="transaction that changed it",
        ),
        kinds.instant("changed_at", "when it was changed", "clock_timestamp()"),
        PrimaryKeyConstraint("change", name="case_changes_pkey"),
        Index("case_changes_transaction", "transaction"),
        comment="Cases that changed, or whose answers did, in the last days: what is counted in memory is kept in step "
        "by it",
    )
    Table(
        "layer_states",
        m,
        kinds.code("layer", "table of the layer; record: the record itself, which keeps its first state"),
        Column("change", BigInteger, nullable=False, server_default=text("0"), comment="how often it was changed"),
        Column(
            "state",
            Uuid,
            nullable=False,
            server_default=text("gen_random_uuid()"),
            comment="name of the state, new with every change, never the same in two databases",
        ),
        kinds.instant("changed_at", "when it was changed last", "clock_timestamp()"),
        PrimaryKeyConstraint("layer", name="layer_states_pkey"),
        comment="State of each layer that answers rest on: who holds the same state need not read the layer again",
    )
    Table(
        "layer_changes",
        m,
        kinds.code("layer", "table of the layer"),
        Column("change", BigInteger, nullable=False, comment="how often it had been changed"),
        Column("state", Uuid, nullable=False, comment="name of the state, as in layer_states"),
        Column(
            "transaction",
            BigInteger,
            nullable=False,
            server_default=text("((pg_current_xact_id())::text)::bigint"),
            comment="transaction that changed it",
        ),
        kinds.instant(
            "begun_at",
            "when that transaction began: no row that it wrote is recorded earlier",
            "transaction_timestamp()",
        ),
        kinds.instant(
            "changed_at", "when it changed the layer last: no row that it wrote is recorded later", "clock_timestamp()"
        ),
        PrimaryKeyConstraint("layer", "transaction", name="layer_changes_pkey"),
        comment="Every state that a layer was in, one for each transaction that changed it: what was known at an "
        "instant",
    )
    Table(
        "snapshots",
        m,
        kinds.code("version", "digest of its content, as answers name it"),
        Column("at", kinds.INSTANT, nullable=False, comment="instant of cases that tell none"),
        Column("known_at", kinds.INSTANT, nullable=False, comment="instant as of which the record was read"),
        kinds.instant("made_at", "when it was made", "now()"),
        PrimaryKeyConstraint("version", name="snapshots_pkey"),
        comment="Snapshots that were made of this record: what it takes to make one of them again",
    )
    Table(
        "answer_runs",
        m,
        Column("run", BigInteger, Identity(always=True), comment="number of the run"),
        kinds.code("snapshot", "version of the snapshot whose answers all are those of"),
        kinds.words(
            "seen", "transactions that the record showed when the run began, as PostgreSQL writes them", nullable=False
        ),
        Column(
            "states", JSONB, nullable=False, comment="state of each layer that the snapshot was made of: {layer: state}"
        ),
        Column(
            "everything",
            Boolean,
            nullable=False,
            comment="true: closed cases too; false: those that are open or had no answer",
        ),
        Column(
            "since",
            BigInteger,
            comment="run before it, whose answers it let stand where nothing had changed; empty: all were given anew",
        ),
        Column("answered", BigInteger, comment="cases that it answered; empty: not done"),
        kinds.instant("begun_at", "when it began", "now()"),
        kinds.instant("done_at", "when it was done; empty: under way, or broken off and to be taken up again"),
        PrimaryKeyConstraint("run", name="answer_runs_pkey"),
        kinds.refers("answer_runs", ["since"], "answer_runs", ["run"]),
        comment="Runs that answered the cases: when one is done, each open case (or each case) has the answer that "
        "its snapshot gives",
    )
