"""Loading by way of a staging table: what differs from the record is found and written as sets."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from sqlalchemy.dialects import postgresql

from gis.files.faults import Faults
from gis.sql import question
from gis.store import copying
from gis.store.checks import CATALOGUED
from gis.store.indexes import rebuilt
from gis.store.rows import Columns, Target, encoded, length, strings
from gis.tables import GROUND

STAGED, DIFFERING, PLANNED = "staged", "differing", "planned"
MANY = 50_000
"""Rows from which dropping and building indexes anew beats keeping them up to date."""

_LASTING = """t.replaced_at = 'infinity'
    AND CASE WHEN s.valid_from IS NULL THEN t.valid_to = coalesce(s.valid_to, 'infinity')
             ELSE t.valid_from <= s.valid_from AND s.valid_from < t.valid_to
                  AND t.valid_to = coalesce(s.valid_to, t.valid_to) END"""


def stage(cursor: Cursor, to: Target, columns: Columns, numbers: NDArray[np.int64], turn: NDArray[np.int32]) -> None:
    """Copy checked rows into a temporary table with the columns of their table, their number and their turn."""
    names = [*to.columns, *(("valid_from", "valid_to") if to.dated else ())]
    types = [
        sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(to.column(n).type.compile(dialect=postgresql.dialect())))
        for n in names
    ]
    cursor.execute(
        sql.SQL("CREATE TEMP TABLE {} (row bigint, turn bigint, {}) ON COMMIT DROP").format(
            sql.Identifier(STAGED), sql.SQL(", ").join(types)
        )
    )
    extra = {"row": numbers, "turn": turn.astype(np.int64)}
    copying.copy_in(cursor, sql.Identifier(STAGED), [*extra, *names], encoded(to, columns, names, extra=extra))
    if length(columns) > 1000:
        cursor.execute(sql.SQL("ANALYZE {} ({})").format(sql.Identifier(STAGED), _names(to.key)))


def refuse_invalid(cursor: Cursor, to: Target, faults: Faults) -> None:
    """Take polygons that the server calls invalid out of the staged rows."""
    if to.layer not in ("areas", "units", "zones"):
        return
    cursor.execute(question("invalid_shapes", staged=STAGED))
    found = cursor.fetchall()
    _refuse(cursor, found, "geometry", ["" for _ in found], [why for _, why in found], faults, (STAGED,))


def merge(cursor: Cursor, to: Target, stamp: Any, faults: Faults) -> Counter[str]:
    """Write what staged rows say and the record does not hold; count what came of them."""
    parts = _parts(to)
    _differing(cursor, to, parts)
    counts: Counter[str] = Counter()
    cursor.execute(
        sql.SQL("SELECT (SELECT count(*) FROM {}), count(*), count(*) FILTER (WHERE fresh) FROM {}").format(
            sql.Identifier(STAGED), sql.Identifier(DIFFERING)
        )
    )
    staged, differing, fresh = cursor.fetchone()  # type: ignore[misc]
    counts["unchanged"] = staged - differing
    if not differing:
        return counts
    cursor.execute(sql.SQL("ANALYZE {} ({})").format(sql.Identifier(DIFFERING), _names(to.key)))
    with rebuilt(cursor, to.table.name, when=fresh >= MANY):
        if not to.dated:
            _upsert(cursor, to, parts, counts)
            return counts
        cursor.execute(
            question("insert_fresh", differing=DIFFERING, **_some(parts, "target", "columns")), {"stamp": stamp}
        )
        counts["inserted"] = cursor.rowcount
        cursor.execute(question("turns", differing=DIFFERING))
        for (turn,) in cursor.fetchall():
            _versions(cursor, to, parts, turn, stamp, counts, faults)
    return counts


def note_references(cursor: Cursor, to: Target, columns: Columns, territory: tuple[str, ...]) -> None:
    """Write what rows bring along: area sets, codes of areas above, classes of the city's own."""
    if to.layer == "areas":
        sets = sorted({text for name in ("set", "parent_set") for text in strings(columns[name]).to_pylist() if text})
        cursor.execute(question("note_area_sets"), {"sets": sets, "territory": list(territory)})
        cursor.execute(question("note_area_codes", staged=STAGED))
    if to.layer == "rules":
        cursor.execute(question("note_classes", staged=STAGED), {"catalogued": list(CATALOGUED)})


def _differing(cursor: Cursor, to: Target, parts: dict[str, sql.Composable]) -> None:
    same = [_join(to.key, "t.{0} = s.{0}"), _join(to.values, "t.{0} IS NOT DISTINCT FROM s.{0}")]
    cursor.execute(
        question(
            "differing",
            differing=DIFFERING,
            staged=STAGED,
            keys=_names(to.key),
            key=_join(to.key, "k.{0} = s.{0}"),
            first=sql.Identifier("k", to.key[-1]),
            same=sql.SQL(" AND ").join(same),
            when=sql.SQL(_LASTING if to.dated else "true"),
            target=parts["target"],
        )
    )
    cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE turn > 0)").format(sql.Identifier(STAGED)))
    if to.dated and cursor.fetchone()[0]:  # type: ignore[index]
        key = _join(to.key, "d.{0} = s.{0}")
        cursor.execute(question("differing_more", differing=DIFFERING, staged=STAGED, key=key))


def _upsert(cursor: Cursor, to: Target, parts: dict[str, sql.Composable], counts: Counter[str]) -> None:
    values = [*to.values, "recorded_at"]
    cursor.execute(
        question(
            "upsert",
            target=parts["target"],
            staged=DIFFERING,
            columns=parts["columns"],
            key=_names(to.key),
            changes=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(v)) for v in values),
            old=sql.SQL(", ").join(sql.Identifier("t", v) for v in to.values),
            new=sql.SQL(", ").join(sql.Identifier("excluded", v) for v in to.values),
        )
    )
    counts["inserted"], counts["changed"] = cursor.fetchone()  # type: ignore[misc]


def _versions(
    cursor: Cursor,
    to: Target,
    parts: dict[str, sql.Composable],
    turn: int,
    stamp: Any,
    counts: Counter[str],
    faults: Faults,
) -> None:
    """Write the rows of one turn: each thing at most once."""
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(PLANNED)))
    cursor.execute(
        question(
            "plan_versions",
            planned=PLANNED,
            differing=DIFFERING,
            target=parts["target"],
            key=parts["key"],
            key2=_join(to.key, "t2.{0} = s.{0}"),
            same=_join(to.values, "t.{0} IS NOT DISTINCT FROM s.{0}"),
        ),
        {"turn": turn},
    )
    cursor.execute(question("refused_versions", planned=PLANNED))
    for row, column, value, why in cursor.fetchall():
        faults.add(faults.numbers == row, column, value, why)
    planned = _some(parts, "target", "key", "columns", "old") | {"planned": sql.Identifier(PLANNED)}
    for name, wanted in (
        ("replace_versions", ("target", "planned", "key")),
        ("keep_beginnings", ("target", "planned", "columns", "old", "key")),
        ("keep_endings", ("target", "planned", "columns", "old", "key")),
        ("insert_versions", ("target", "planned", "columns")),
    ):
        cursor.execute(question(name, **{k: planned[k] for k in wanted}), {"stamp": stamp})
    cursor.execute(sql.SQL("SELECT action, count(*) FROM {} GROUP BY 1").format(sql.Identifier(PLANNED)))
    came = {"new": "inserted", "correct": "changed", "follow": "changed", "end": "retired", "none": "unchanged"}
    for action, count in cursor.fetchall():
        if action in came:
            counts[came[action]] += count


def _refuse(
    cursor: Cursor,
    found: list[tuple],
    column: str,
    values: list[str],
    why: list[str],
    faults: Faults,
    tables: tuple[str, ...],
) -> None:
    """Report rows by their number, and take them out of the tables."""
    if not found:
        return
    rows = [row for row, *_ in found]
    at = {int(n): i for i, n in enumerate(faults.numbers)}
    faults.add(np.array([at[r] for r in rows]), column, np.array(values, dtype=object), np.array(why, dtype=object))
    for name in tables:
        cursor.execute(sql.SQL("DELETE FROM {} WHERE row = ANY (%s)").format(sql.Identifier(name)), [rows])


def _parts(to: Target) -> dict[str, sql.Composable]:
    target: sql.Composable = sql.Identifier(str(to.table.schema), to.table.name)
    if to.layer in GROUND:  # one table, six layers: the join on the layer is in the key
        target = sql.Identifier(str(to.table.schema), "ground")
    return {
        "target": target,
        "columns": _names(to.columns),
        "old": sql.SQL(", ").join(sql.Identifier("t", c) for c in to.columns),
        "key": _join(to.key, "t.{0} = s.{0}"),
    }


def _some(parts: dict[str, sql.Composable], *names: str) -> dict[str, sql.Composable]:
    return {name: parts[name] for name in names}


def _names(names: tuple[str, ...]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _join(names: tuple[str, ...], form: str) -> sql.Composable:
    return sql.SQL(" AND ").join(sql.SQL(form).format(sql.Identifier(name)) for name in names)
