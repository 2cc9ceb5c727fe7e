"""Kinds of columns and constraints that the tables of the record are made of."""

from __future__ import annotations

from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    Float,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP, ExcludeConstraint

SCHEMA = "wanmi"
CODE = Text(collation="C")
"""Codes sort by code point on every server: "the lower code wins" must not depend on a locale."""
INSTANT = TIMESTAMP(timezone=True)


def code(name: str, comment: str, **options: Any) -> Column:
    """Return a column of codes, not null unless told."""
    return Column(name, CODE, comment=comment, **{"nullable": False, **options})


def words(name: str, comment: str, **options: Any) -> Column:
    """Return a column of text."""
    return Column(name, Text, comment=comment, **options)


def number(name: str, comment: str, **options: Any) -> Column:
    """Return a column of numbers."""
    return Column(name, Float(53), comment=comment, **options)


def instant(name: str, comment: str, default: str = "", **options: Any) -> Column:
    """Return a column of instants; not null where it has a default."""
    default_ = text(default) if default else None
    return Column(name, INSTANT, comment=comment, nullable=not default, server_default=default_, **options)


def place(kind: str, srid: int, comment: str, name: str = "geom", **options: Any) -> Column:
    """Return a column of geometry in EPSG:``srid``, not null unless told."""
    shape = Geometry(kind, srid=srid, spatial_index=False)
    return Column(name, shape, comment=comment, **{"nullable": False, **options})


def web(kind: str, of: str, **options: Any) -> Column:
    """Return the generated column that holds a geometry in Web Mercator, for tiles."""
    shape = Geometry(kind, srid=3857, spatial_index=False)
    words = f"{of} in Web Mercator (EPSG:3857), for tiles; nothing is measured in it"
    return Column(f"{of}_web", shape, Computed(f"ST_Transform({of}, 3857)", True), comment=words, **options)


def class_codes(*, nullable: bool = False) -> tuple[Column, ...]:
    """Return the three columns that name a class."""
    return (
        code("edition", "edition of the class code: 2007, 2013, 2026 or the city's own", nullable=nullable),
        code("kind", "C component (部件), E event (事件)", nullable=nullable),
        code("class_code", "class code within edition and kind, without either", nullable=nullable),
    )


def recorded() -> Column:
    """Return the column that says when the record learned of a row."""
    return instant("recorded_at", "when the record learned it", "now()")


def valid() -> tuple[Column, ...]:
    """Return the four columns of the two times of a dated table."""
    return (
        instant("valid_from", "when it began to hold; -infinity: always", "'-infinity'"),
        instant("valid_to", "when it ceased to hold, that instant excluded; infinity: still holds", "'infinity'"),
        recorded(),
        instant("replaced_at", "when the record learned better; infinity: still believed", "'infinity'"),
    )


def dated(name: str, *key: str, exclusive: bool = True) -> tuple[Any, ...]:
    """Return what holds of a dated table: its key, the order of its instants, one truth at a time.

    ``exclusive`` is false where a trigger sees to the last.
    """
    rules: list[Any] = [
        PrimaryKeyConstraint(*key, "valid_from", "recorded_at", name=f"{name}_pkey"),
        CheckConstraint("valid_from < valid_to", name=f"{name}_valid_order"),
        CheckConstraint("recorded_at <= replaced_at", name=f"{name}_known_order"),
    ]
    if exclusive:
        # GiST tells numbers apart three times as fast as texts that begin alike
        joined = " || ' ' || ".join(key)
        parts: list[Any] = [(text(f"hashtextextended({joined}, 0)"), "=")]
        parts += [(text(f"tstzrange({ends})"), "&&") for ends in ("valid_from, valid_to", "recorded_at, replaced_at")]
        rules.append(ExcludeConstraint(*parts, name=f"{name}_one_truth", using="gist"))
    return tuple(rules)


def refers(name: str, columns: list[str], table: str, to: list[str]) -> ForeignKeyConstraint:
    """Return a foreign key to a table of the schema."""
    return ForeignKeyConstraint(columns, [f"{SCHEMA}.{table}.{c}" for c in to], name=f"{name}_{columns[-1]}_fkey")


def one_of(name: str, column: str, values: tuple[str, ...]) -> CheckConstraint:
    """Return a check that a column has one of some values."""
    listed = ", ".join(f"'{v}'" for v in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{name}_{column}_known")
