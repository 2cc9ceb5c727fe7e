"""A revised set of unit grids into the record: what would move is listed, then all of it happens at one instant.

Units that kept their shape stay as they are. Old units end and new ones begin at the instant of the revision,
components are linked to the units that follow theirs from then on, and the cases' answers too, so that counts by unit
go on. The lineage and each thing that moved are recorded (``unit_lineage``, ``unit_moves``). One transaction.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from sqlalchemy import Engine

from gis import exact
from gis.model import City
from gis.sql import question
from gis.store import read_city
from gis.store.engine import transaction
from grids.carry import moves
from grids.certificate import Certificate, Rules, certify
from grids.errors import Conflict, InputError
from grids.revise import Revision, revise

LOCKED = ("units", "components", "answers")


@dataclass(frozen=True)
class Planned:
    """What a revision of the record does.

    Parameters
    ----------
    revision
        Units in force from then on, units that end, and their lineage.
    redrawn
        Codes of kept units whose outline (within the tolerance) or kind is another: they get a new version.
    components, cases
        Columns of `grids.carry.MOVES`: what is linked anew, and how its new unit is known; by key.
    certificate
        Of the units in force from then on.
    """

    revision: Revision
    redrawn: list[str]
    components: pd.DataFrame
    cases: pd.DataFrame
    certificate: Certificate


def plan_revision(engine: Engine, new: gpd.GeoDataFrame, *, at: pd.Timestamp, tolerance_m: float = 0.01) -> Planned:
    """List what a revision of the record would do; nothing changes.

    Parameters
    ----------
    engine
        A city's record.
    new
        The set to be: ``community``, or ``code`` that says it; ``kind`` and ``name`` where it has them; geometry in the
        city's CRS. Its codes are not used.
    at
        Instant of the revision.
    tolerance_m
        As of `grids.revise.revise`.

    Raises
    ------
    InputError
        As of `grids.revise.revise`; or the set is in another CRS.
    Conflict, Unavailable
        As of `gis.store.read_city`.
    """
    city = read_city(engine)
    with transaction(engine, commit=False) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return _planned(cursor, city, new, at, tolerance_m)[0]


def load_revision(
    engine: Engine,
    new: gpd.GeoDataFrame,
    *,
    at: pd.Timestamp,
    tolerance_m: float = 0.01,
    force: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Planned:
    """Revise the record: what `plan_revision` lists, made so in one transaction.

    Parameters
    ----------
    engine, new, at, tolerance_m
        As of `plan_revision`.
    force
        Take a set that fails its certificate.
    progress
        Called with the name of each stage.

    Raises
    ------
    InputError
        As of `plan_revision`; the instant lies ahead; or the set fails its certificate.
    Conflict, Unavailable
        As of `gis.store.load`. Nothing is then changed.
    """
    tell = progress or (lambda _: None)
    city = read_city(engine)
    if at > pd.Timestamp.now(tz="UTC"):
        right = "load it on that day: until then cases are counted by the units that hold now"
        raise InputError(f"{at.isoformat()} lies ahead", where="at", right=right)
    with transaction(engine) as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2min'")
        for name in LOCKED:  # readers go on, other writers wait
            cursor.execute(sql.SQL("LOCK TABLE wanmi.{} IN SHARE ROW EXCLUSIVE MODE").format(sql.Identifier(name)))
        tell("comparing")
        planned, versions = _planned(cursor, city, new, at, tolerance_m)
        found = planned.certificate
        if not found.passed and not force:
            kinds = ", ".join(f"{n:,} {kind}" for kind, n in found.counts.items() if n)
            raise InputError(f"the new set fails its certificate: {kinds}", where="new", right="wanmi grid check tells")
        tell("writing")
        _write(cursor, city, planned, versions, at)
    return planned


def _planned(
    cursor: Cursor, city: City, new: gpd.GeoDataFrame, at: pd.Timestamp, tolerance_m: float
) -> tuple[Planned, pd.DataFrame]:
    """What would happen, and the versions of the components that move, beside their list."""
    if new.crs is None or new.crs.to_epsg() != city.srid:
        raise InputError(f"units in {new.crs}", where="new", right=f"EPSG:{city.srid}, as the record")
    old = _believed(cursor, city.srid)
    cursor.execute(question("unit_codes"))
    ever = [code for (code,) in cursor.fetchall()]
    # as the loader snaps; without the grid that would round their overlays
    shapes = shapely.set_precision(exact.snap(new.geometry.to_numpy()), 0.0, mode="pointwise")
    made = revise(old, new.set_geometry(list(shapes), crs=new.crs), at=at, taken=ever, tolerance_m=tolerance_m)
    gone = made.ended["code"].tolist()
    cursor.execute(question("components_of_units"), {"codes": gone, "at": at.to_pydatetime()})
    versions = _things(cursor, ["code", "valid_from", "unit", "x", "y"])
    cursor.execute(question("cases_of_units"), {"codes": gone})
    cases = _things(cursor, ["code", "unit", "x", "y"])
    components = moves(versions, made.units, made.lineage)
    cursor.execute(question("area_shapes"), {"at": at.to_pydatetime(), "known_at": None})
    areas = pd.DataFrame(cursor.fetchall(), columns=["set", "code", "name", "wkb"])
    areas = areas[areas["set"] == (city.territory[0] if city.territory else "")]
    ground = gpd.GeoDataFrame(areas[["code"]], geometry=shapely.from_wkb(list(map(bytes, areas["wkb"]))), crs=city.srid)
    found = certify(made.units, areas=ground if len(ground) else None, rules=Rules(scheme=city.codes))
    planned = Planned(made, _redrawn(old, made, at), components, moves(cases, made.units, made.lineage), found)
    return planned, versions.assign(**{n: components[n].to_numpy(object) for n in ("old", "new", "how")})


def _believed(cursor: Cursor, srid: int) -> gpd.GeoDataFrame:
    cursor.execute(question("units_believed"))
    columns = ["code", "name", "community", "kind", "issue", "valid_from", "valid_to", "wkb"]
    frame = pd.DataFrame(cursor.fetchall(), columns=columns)
    shapes = shapely.from_wkb(list(map(bytes, frame.pop("wkb"))))
    for name in ("valid_from", "valid_to"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return gpd.GeoDataFrame(frame, geometry=shapes, crs=srid)


def _things(cursor: Cursor, columns: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(cursor.fetchall(), columns=columns)
    x, y = (pd.to_numeric(frame.pop(name)).to_numpy(float) for name in ("x", "y"))
    points = shapely.points(x, y)
    points[np.isnan(x)] = None
    return frame.assign(geometry=points)


def _redrawn(old: gpd.GeoDataFrame, made: Revision, at: pd.Timestamp) -> list[str]:
    """Kept units whose outline or kind differs from the version in force."""
    kept = made.lineage.loc[made.lineage["what"] == "kept", "old"]
    before = old[old["valid_to"].isna() | (old["valid_to"] > at)].set_index("code").loc[kept]
    after = made.units.set_index("code").loc[kept]
    # the record has multi-part types only
    shapes = [shapely.normalize(exact.multipolygons(frame.geometry.to_numpy())) for frame in (before, after)]
    same = shapely.equals_identical(*shapes) & (before["kind"].to_numpy(object) == after["kind"].to_numpy(object))
    return kept[~same].tolist()


def _write(cursor: Cursor, city: City, planned: Planned, versions: pd.DataFrame, at: pd.Timestamp) -> None:
    made = planned.revision
    kind = sql.SQL(f"geometry(MultiPolygon, {int(city.srid)})")
    cursor.execute(question("revise_staging", geometry=kind))
    kept = made.lineage.loc[made.lineage["what"] == "kept", "old"]
    begun = made.units[~made.units["code"].isin(kept) | made.units["code"].isin(planned.redrawn)]
    ending = [*made.ended["code"], *planned.redrawn]
    shapes = shapely.set_srid(exact.multipolygons(begun.geometry.to_numpy()), city.srid)
    revised = pd.DataFrame(begun[["code", "name", "community", "kind", "issue"]])
    cases = planned.cases.rename(columns={"key": "code"})
    _copy(cursor, "revised", revised.assign(geom=shapely.to_wkb(shapes, hex=True, include_srid=True)))
    _copy(cursor, "ending", pd.DataFrame({"code": ending}))
    _copy(cursor, "moved_components", versions[["code", "valid_from", "old", "new", "how"]], keep=("new",))
    _copy(cursor, "moved_cases", cases, keep=("new",))
    cursor.execute("SELECT clock_timestamp()")
    values: dict[str, Any] = {"at": at.to_pydatetime(), "stamp": cursor.fetchone()[0]}  # type: ignore[index]
    for name in ("revise_units", "revise_components", "revise_cases"):
        cursor.execute(question(name), values)
    told = made.lineage[made.lineage["what"] != "kept"].assign(
        at=at.isoformat(), recorded_at=values["stamp"].isoformat()
    )
    _copy(cursor, "unit_lineage", told, schema="wanmi", keep=("old", "new"))
    cursor.execute("SELECT count(*) FROM ended")
    ended = cursor.fetchone()[0]  # type: ignore[index]
    if ended != len(ending):
        raise Conflict(f"{len(ending)} units were to end, {ended} did", where="table units", right="try again")


def _copy(
    cursor: Cursor, table: str, frame: pd.DataFrame, *, schema: str = "pg_temp", keep: tuple[str, ...] = ()
) -> None:
    """Send a table; "" is nothing, but in columns that keep it."""
    text = io.StringIO()
    frame.to_csv(text, index=False, header=False)
    text.seek(0)
    listed = sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    force = (
        sql.SQL(", FORCE_NOT_NULL ({})").format(sql.SQL(", ").join(map(sql.Identifier, keep))) if keep else sql.SQL("")
    )
    command = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv{})").format(sql.Identifier(schema, table), listed, force)
    cursor.copy_expert(command, text)
