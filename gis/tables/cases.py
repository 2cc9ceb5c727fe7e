"""Cases and their answers."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB

from gis import kinds
from gis.kinds import SCHEMA


def add_cases(m: MetaData, srid: int) -> None:
    """Add these tables."""
    Table(
        "cases",
        m,
        kinds.code("id", "case number of the source system"),
        *kinds.class_codes(nullable=True),
        kinds.code("component", "component code that the report names", nullable=True),
        kinds.place("POINT", srid, "reported place; empty when it has none", nullable=True),
        kinds.words("no_location", "why it has no place: missing, wrong_datum; else empty"),
        kinds.number("accuracy_m", "position error in metres (68 % radius)"),
        kinds.words("channel", "patrol, hotline, wechat, app, video …"),
        Column("reported_at", kinds.INSTANT, nullable=False, comment="when it was reported"),
        kinds.instant("filed_at", "when it was filed (立案); empty: not filed"),
        kinds.instant("due_at", "when it is due"),
        kinds.instant("closed_at", "when it was closed (结案); empty: open"),
        kinds.words("status", "reported, filed, closed …"),
        kinds.code("department", "final owner as the source system has it", nullable=True),
        Column("returns", Integer, comment="how often it was handed back (回退)"),
        kinds.words("address", "where, in words"),
        kinds.words("description", "what, in words"),
        kinds.recorded(),
        PrimaryKeyConstraint("id", name="cases_pkey"),
        CheckConstraint("(abs(ST_X(geom) + ST_Y(geom)) < 1e9) IS TRUE OR geom IS NULL", name="cases_geom_finite"),
        CheckConstraint("accuracy_m >= 0 AND accuracy_m < 1e9", name="cases_accuracy"),
        CheckConstraint("returns >= 0", name="cases_returns"),
        Index("cases_geom", "geom", postgresql_using="gist"),
        Index("cases_reported_at", "reported_at"),
        comment="Cases (案件): what was reported, where and when",
    )
    Table(
        "case_events",
        m,
        kinds.code("case_id", "case"),
        Column("seq", Integer, nullable=False, comment="number within the case, from 1"),
        kinds.code("kind", "report, file, dispatch, return, extend, suspend, dispose, verify, close …"),
        Column("at", kinds.INSTANT, nullable=False, comment="when it happened"),
        kinds.words("actor", "person or department that did it"),
        kinds.words("note", "remark"),
        kinds.recorded(),
        PrimaryKeyConstraint("case_id", "seq", name="case_events_pkey"),
        kinds.refers("case_events", ["case_id"], "cases", ["id"]),
        CheckConstraint("seq > 0", name="case_events_seq"),
        Index("case_events_at", "at"),
        comment="What happened to a case, step by step",
    )
    Table(
        "answers",
        m,
        kinds.code("case_id", "case"),
        kinds.code("snapshot", "version of the snapshot that answered"),
        Column("at", kinds.INSTANT, nullable=False, comment="instant for which it was answered"),
        kinds.code("unit", "unit grid of the place", nullable=True),
        Column("areas", JSONB, nullable=False, comment="code of the area in each area set: {set: code}"),
        kinds.code("department", "owner; empty: nobody", nullable=True),
        kinds.code("rule", "rule that decided: component_named … outside, unowned"),
        kinds.words("reason", "why it has no location: missing, default_point, wrong_datum"),
        kinds.code("component", "component that was found", nullable=True),
        kinds.number("distance_m", "distance to it, metres"),
        kinds.code("zone", "zone that decided", nullable=True),
        Column("on_edge", Boolean, nullable=False, comment="true: it lay on an edge, the lower code won"),
        kinds.number("probability", "probability of the owner, given the position error"),
        Column("ask_first", Boolean, nullable=False, comment="true: the owner is too unsure to dispatch unasked"),
        kinds.instant("answered_at", "when it was answered", "now()"),
        PrimaryKeyConstraint("case_id", name="answers_pkey"),
        CheckConstraint("probability BETWEEN 0 AND 1", name="answers_probability"),
        Index("answers_unit", "unit"),
        Index("answers_department", "department"),
        comment="The latest answer for each case: who owns it, and by which rule",
    )
    Table(
        "intake",
        m,
        kinds.code("key", "Idempotency-Key of the sender; made by us when none was sent"),
        kinds.code("body", "SHA-256 of the body: the same key with another body is refused"),
        kinds.code("case_id", "case that was recorded"),
        Column("answer", JSON, nullable=False, comment="answer that was given, in full, letter by letter"),
        kinds.instant("received_at", "when it came in", "now()"),
        PrimaryKeyConstraint("key", name="intake_pkey"),
        ForeignKeyConstraint(
            ["case_id"], [f"{SCHEMA}.cases.id"], name="intake_case_id_fkey", deferrable=True, initially="DEFERRED"
        ),
        Index("intake_case_id", "case_id"),
        comment="Cases that were handed in one by one, with what was answered",
    )
