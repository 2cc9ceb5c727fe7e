"""Loading a layer: checked rows in, differences written, one transaction for each file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from pyproj import CRS
from sqlalchemy import Engine

from gis.files.faults import Faults, no_rejects
from gis.layers import LAYERS
from gis.model import City
from gis.store import checks, filling, posts, staging
from gis.store.city import read_city
from gis.store.engine import transaction
from gis.store.linking import Link, Linker
from gis.store.rows import Columns, Target, encoded, instants, table_columns, taken, target
from gis.tables import SCHEMA
from grids.errors import InputError, NotFound

Progress = Callable[[str], None]


@dataclass
class LoadReport:
    """What came of the rows of a file.

    Parameters
    ----------
    layer
        Name of the layer.
    inserted, changed, unchanged, retired
        Rows that were new, that changed or followed a recorded version, that were recorded already, and that only
        ended one.
    rejects
        ``row, column, value, why``: rows that were not loaded, one line for each fault.
    notes
        The same for rows that were loaded although something about them is odd.
    seconds
        Time by stage.
    """

    layer: str
    inserted: int = 0
    changed: int = 0
    unchanged: int = 0
    retired: int = 0
    rejects: pd.DataFrame = field(default_factory=no_rejects)
    notes: pd.DataFrame = field(default_factory=no_rejects)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, progress: Progress | None) -> Iterator[None]:
        """Tell and time a stage."""
        if progress is not None:
            progress(name)
        begin = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin


def load(
    engine: Engine,
    layer: str,
    frame: pd.DataFrame,
    *,
    valid_from: Any = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    link: Link | None = None,
) -> LoadReport:
    """Load the rows of a layer into the record, in one transaction: all of it is there at the end, or nothing is.

    A row says what holds from its ``valid_from`` until its ``valid_to``. Without a beginning it speaks of the last
    version (before its end), or of always when there is none; without an end it lets the version's stand. Rows that
    repeat the record change nothing. A later beginning ends the version before; the same beginning corrects it;
    what was believed until then stays recorded as such.

    Parameters
    ----------
    engine
        A city's record, see `create_city`.
    layer
        Name of a layer of `gis.layers`.
    frame
        Canonical columns; geometry in the city's CRS on the 1 mm grid; index = number of the row in its file, from 1.
    valid_from
        Instant from which rows without a ``valid_from`` of their own hold.
    dry_run
        Do all of it, and take it back at the end.
    progress
        Called with the name of each stage.
    link
        Finds the unit of a component's place; by default from the units that hold now.

    Raises
    ------
    NotFound
        There is no such layer.
    InputError
        A required column is missing, the frame is in another CRS, or the server refuses a value.
    Conflict
        The database holds no city, or what would be written contradicts the record.
    Unavailable
        The server cannot be reached or went away; nothing was written.

    Notes
    -----
    A million components take some 5 s on two cores. Loads of one table wait for each other.
    """
    city = read_city(engine)
    to = _target(layer, city)
    _complete(layer, frame, city)
    report = LoadReport(layer)
    with report.stage("columns", progress):
        columns = table_columns(to, frame, city)
        faults = Faults(np.asarray(frame.index, dtype=np.int64) if len(frame) else [])
        if valid_from is not None and to.dated:
            begin = instants([valid_from])[0]
            columns["valid_from"] = np.where(np.isnat(columns["valid_from"]), begin, columns["valid_from"])
    with loading(engine, to, len(frame), report, dry_run=dry_run, progress=progress) as (cursor, alone):
        write(cursor, to, city, columns, faults, report, alone=alone, link=link, progress=progress)
    return report


@contextmanager
def loading(
    engine: Engine, to: Target, rows: int, report: LoadReport, *, dry_run: bool, progress: Progress | None
) -> Iterator[tuple[Cursor, bool]]:
    """Hold the one transaction of a load of so many rows; also tells whether the table is empty and ours alone.

    Afterwards the planner is told what was loaded.
    """
    many = to.layer in filling.LAYERS and rows >= filling.MANY
    if many:
        with transaction(engine) as cursor:  # a look before locking; another under the lock
            many = filling.is_empty(cursor, to.table.name)
    with transaction(engine, commit=not dry_run) as cursor:
        lock(cursor, to, alone=many)
        yield cursor, many and filling.is_empty(cursor, to.table.name)
        begin = time.perf_counter()
    report.seconds["commit"] = time.perf_counter() - begin
    if not dry_run and report.inserted + report.changed >= 1000:
        with report.stage("statistics", progress), transaction(engine) as cursor:
            cursor.execute("SET LOCAL default_statistics_target = 30")  # 9,000 rows tell enough, in a third of the time
            cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(SCHEMA, to.table.name)))


def write(
    cursor: Cursor,
    to: Target,
    city: City,
    columns: Columns,
    faults: Faults,
    report: LoadReport,
    *,
    alone: bool,
    link: Link | None,
    progress: Progress | None,
) -> None:
    """Check rows against each other and the record, and write them; ``alone`` fills an empty table of our own."""
    with report.stage("checks", progress):
        known = checks.Known.read(cursor, city)
        checks.required(to, columns, faults)
        checks.check(to, columns, known, faults)
        if to.layer == "rosters":
            posts.check(cursor, columns, faults)
        turn = checks.doubles(to, columns, faults)
    if to.layer == "components":
        with report.stage("units", progress):
            Linker.read(cursor, link)(columns, faults)
    good = ~faults.bad
    kept = taken(columns, good)
    if alone:
        with report.stage("writing", progress):
            times = [n for n in ("valid_from", "valid_to") if to.dated and not np.isnat(kept[n]).all()]
            names = [*to.columns, *times]
            report.inserted = filling.fill(cursor, to, names, encoded(to, kept, names, endless=True))
    else:
        _merge(cursor, to, kept, turn[good], city, faults, report, progress)
    if to.layer == "rosters":
        with report.stage("teams", progress):
            posts.settle(cursor, columns, faults)
    if to.layer == "zones":
        checks.refuse_clashes(cursor, known.classes)
    report.rejects, report.notes = faults.frame(), faults.frame(flags=True)


def lock(cursor: Cursor, to: Target, *, alone: bool) -> None:
    """Let one load at a time write a table; ``alone`` keeps readers and other writers out as well.

    The lock of the table itself, because who waits for it holds nothing that a load may want later.
    """
    cursor.execute("SET LOCAL lock_timeout = '2min'")
    mode = sql.SQL("ACCESS EXCLUSIVE" if alone else "SHARE UPDATE EXCLUSIVE")
    cursor.execute(sql.SQL("LOCK TABLE {} IN {} MODE").format(sql.Identifier(SCHEMA, to.table.name), mode))
    cursor.execute("SET LOCAL work_mem = '128MB'")


def _target(layer: str, city: City) -> Target:
    if layer not in LAYERS:
        raise NotFound(f"there is no layer {layer!r}", right="known are " + ", ".join(LAYERS))
    return target(layer, city.srid)


def _complete(layer: str, frame: pd.DataFrame, city: City) -> None:
    """Refuse a frame that lacks a column that its layer must have, or is in another CRS than the city's."""
    shape = LAYERS[layer]
    needed = [c.name for c in shape.columns if c.required] + (["geometry"] if shape.geometry else [])
    lacking = [name for name in needed if name not in frame.columns]
    if lacking:
        raise InputError(f"no column {', '.join(lacking)}", where=layer, right="see 'wanmi load --help'")
    crs = frame.crs if isinstance(frame, gpd.GeoDataFrame) else None
    if crs is not None and crs != CRS.from_epsg(city.srid):
        right = f"convert it to EPSG:{city.srid}, the city's"
        raise InputError(f"the frame is in {crs.name}", where=layer, right=right)


def _merge(
    cursor: Cursor,
    to: Target,
    columns: Columns,
    turn: NDArray[np.int32],
    city: City,
    faults: Faults,
    report: LoadReport,
    progress: Progress | None,
) -> None:
    """Write by way of the staging table."""
    cursor.execute("SELECT clock_timestamp()")
    stamp = cursor.fetchone()[0]  # type: ignore[index]
    with report.stage("staging", progress):
        staging.stage(cursor, to, columns, faults.numbers[~faults.bad], turn)
        staging.refuse_invalid(cursor, to, faults)
        staging.note_references(cursor, to, columns, city.territory)
    with report.stage("writing", progress):
        counts = staging.merge(cursor, to, stamp, faults)
    for name in ("inserted", "changed", "unchanged", "retired"):
        setattr(report, name, counts[name])
