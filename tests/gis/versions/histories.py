"""Random histories of edits, thousands side by side in one record: each on a plot of its own, one load a round."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import shapely
from sqlalchemy import Engine

from gis import store, versions
from gis.assign import Cases, assign
from gis.model import City
from gis.snapshot import Snapshot
from gis.store.engine import transaction
from tests import town
from tests.gis.versions import naive
from tests.gis.versions.naive import Row, Thing

PITCH, ACROSS = 120.0, 100
CITY = City(**{**town.CITY.__dict__, "key": "plots", "codes": "free", "default_points": (), "territory": ("plot",)})
BEGIN = pd.Timestamp("2026-01-01", tz="UTC")
DATES = [0, 700, 1400, 2100, 2800, 3500, 4200]
"""Hours after `BEGIN` at which anything begins or ends."""
ASKED = [-50, 0, 1 / 3.6e9, 700, 1400 - 1 / 3.6e9, 2100, 2500, 4200, 6000]
"""Instants that are asked for, in hours: before all, on the dates, a microsecond beside them, between and after."""
SHAPES = [(0.0, 0.0, 60.0, 60.0), (10.0, 10.0, 30.0, 30.0), (30.0, 20.0, 40.0, 50.0), (0.0, 35.0, 80.0, 20.0)]
PLACES = [(20.0, 20.0), (35.0, 40.0), (50.0, 50.0)]
PROBES = [(20.0, 20.0), (36.0, 38.0), (70.0, 45.0)]
LAYERS = ("departments", "areas", "components", "zones")
THINGS: list[Thing] = [
    *(("departments", k) for k in range(3)),
    ("areas", 0),
    ("components", 0),
    ("zones", 0),
    ("zones", 1),
]


@dataclass
class Histories:
    """Logs of edits by plot, and the instant at which the record learned each load."""

    logs: list[list[tuple[int, Row]]]
    instants: list[pd.Timestamp] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    """Version of the record after each load, where it was asked for."""
    afterwards: list[pd.Timestamp] = field(default_factory=list)
    """When each load was over."""
    came: Counter[str] = field(default_factory=Counter)

    def loads(self, known_at: pd.Timestamp) -> int:
        """Number of the last load that was recorded then, -1 for none."""
        return int(np.searchsorted(pd.DatetimeIndex(self.instants), known_at, side="right")) - 1


def values_of(rng: np.random.Generator, thing: Thing) -> tuple:
    """Values of chance for a thing."""
    layer, number = thing
    if layer == "departments":
        return (f"name {rng.integers(3)}", -1 if number == 0 else int(rng.choice([-1, 0, 0])))
    whose = int(rng.integers(3))
    return whose, PLACES[rng.integers(3)] if layer == "components" else SHAPES[rng.integers(4)]


def edit(rng: np.random.Generator, thing: Thing, known: naive.Timeline) -> list[Row]:
    """Rows of one edit: often such as people make, sometimes any at all."""

    def date() -> int:
        return int(rng.choice(DATES))

    def later(than: int) -> int | None:
        return next((d for d in rng.permutation(DATES).tolist() if d > than), None)

    new = values_of(rng, thing)
    if not known:
        return [Row(thing, date() if rng.random() < 0.5 else None, None, new)]
    kind = int(rng.integers(10))
    last, some = known[-1], known[rng.integers(len(known))]
    if kind == 0:  # it belongs to another from a day on
        return [Row(thing, date(), None, new)]
    if kind == 1:  # it was wrong
        return [Row(thing, None, None, new)]
    if kind == 2:  # a version was wrong
        return [Row(thing, None if some[0] == naive.ALWAYS else some[0], None, new)]
    if kind in (3, 4):  # a past period was wrong
        since = date()
        return [Row(thing, since, later(since), new)]
    if kind == 5:  # it ends, or holds longer than was said
        return [Row(thing, None, later(last[1]) or date(), last[2])]
    if kind == 6:  # a version ends, or holds longer
        since = some[0] if some[0] != naive.ALWAYS else None
        return [Row(thing, since, later(some[1]) or later(some[0]), some[2])]
    if kind == 7:  # it began earlier
        return [Row(thing, date(), None, known[0][2])]
    if kind == 8:  # two rows in one file: a period, and what follows
        since, until = sorted(rng.choice(DATES, 2, replace=False).tolist())
        return [
            Row(thing, since, until, new),
            Row(thing, until, None, values_of(rng, thing) if rng.random() < 0.5 else last[2]),
        ]
    since = date() if rng.random() < 0.6 else None
    until = date() if rng.random() < 0.5 else None
    until = None if since is not None and until is not None and until <= since else until
    return [Row(thing, since, until, new if rng.random() < 0.6 else some[2])]


def make(engine: Engine, count: int, rounds: int, seed: int, *, current_every: int = 1) -> Histories:
    """Let so many histories happen in a record: each round is an edit of every plot, loaded layer by layer."""
    rng = np.random.default_rng(seed)
    store.create_city(engine, CITY)
    done = Histories([[] for _ in range(count)])
    state: list[dict[Thing, naive.Timeline]] = [{} for _ in range(count)]
    for turn in range(rounds):
        chosen: dict[str, list[tuple[int, Thing]]] = {layer: [] for layer in LAYERS}
        for plot in range(count):
            if turn == 0:  # every department is there, of the others some come later
                first = [t for t in THINGS if t[0] == "departments" or rng.random() < 0.7]
                for thing in first:
                    chosen[thing[0]].append((plot, thing))
            else:
                thing = THINGS[rng.integers(len(THINGS))]
                chosen[thing[0]].append((plot, thing))
        for layer in LAYERS:
            if not chosen[layer]:
                continue
            rows, number = [], len(done.instants)
            for plot, thing in chosen[layer]:
                for row in edit(rng, thing, state[plot].get(thing, [])):
                    if turn == 0 and layer == "departments":
                        row = row._replace(since=None, values=(row.values[0], -1 if thing[1] == 0 else 0))
                    done.logs[plot].append((number, row))
                    after, came = naive.told(state[plot].get(thing, []), row)
                    state[plot][thing] = after
                    done.came[came] += 1
                    rows.append((plot, row, came))
            shuffled = [rows[i] for i in rng.permutation(len(rows))]
            report = store.load(engine, layer, frame(layer, shuffled))
            refused = {i + 1 for i, (_, _, came) in enumerate(shuffled) if came == "refused"}
            assert set(report.rejects["row"]) == refused, (layer, report.rejects.head(), number)
            done.instants.append(learned(engine, layer, done.instants[-1] if done.instants else None))
            done.afterwards.append(pd.Timestamp.now(tz="UTC"))
            told = len(done.instants) % current_every == 0
            done.current.append(versions.build(engine, None).version if told else "")
    return done


def learned(engine: Engine, layer: str, before: pd.Timestamp | None) -> pd.Timestamp:
    """Instant that the record gives to what a layer learned last; that of the load before when it learned nothing."""
    with transaction(engine) as cursor:
        replaced = "CASE WHEN isfinite(replaced_at) THEN replaced_at END"
        cursor.execute(f"SELECT max(greatest(recorded_at, {replaced})) FROM wanmi.{layer}")
        (found,) = cursor.fetchone()
    stamp = pd.Timestamp(found).tz_convert("UTC")
    return stamp if before is None else max(stamp, before)


def corner(plot: int) -> tuple[float, float]:
    """Return where a plot begins, metres in the city's CRS."""
    return town.X0 - 6000 + PITCH * (plot % ACROSS), town.Y0 + PITCH * (plot // ACROSS)


def code_of(plot: int, department: int) -> str:
    """Return the code of a department of a plot; "" for none."""
    return f"D{plot:05d}{'pab'[department]}" if department >= 0 else ""


def instant(hours: float | None) -> pd.Timestamp:
    """Return an instant of so many hours after `BEGIN`, to the microsecond; NaT for none."""
    return pd.NaT if hours is None else BEGIN + pd.Timedelta(microseconds=round(hours * 3.6e9))


def frame(layer: str, rows: list[tuple[int, Row, str]]) -> pd.DataFrame:
    """Return the rows of one load as a canonical frame."""
    out = []
    for plot, row, _ in rows:
        number, values = row.thing[1], row.values
        one: dict = {"valid_from": instant(row.since), "valid_to": instant(row.until)}
        x, y = corner(plot)
        if layer == "departments":
            one |= {"code": code_of(plot, number), "name": values[0], "parent": code_of(plot, values[1])}
        elif layer == "components":
            cx, cy = values[1]
            one |= {"code": f"K{plot:05d}", "class": "2026:C01002", "owning": code_of(plot, values[0])}
            one["geometry"] = shapely.Point(x + cx, y + cy)
        else:
            a, b, w, h = values[1]
            one |= {"code": f"{layer[0].upper()}{plot:05d}{number}", "department": code_of(plot, values[0])}
            one["geometry"] = shapely.box(x + a, y + b, x + a + w, y + b + h)
            one |= {"set": "plot"} if layer == "areas" else {"classes": "E" if number == 0 else "*"}
            if layer == "zones" and number == 0:
                one["rank"] = 1
        out.append(one)
    return town.frame(layer, out)


def owners(snapshot: Snapshot, count: int) -> np.ndarray:
    """Return who owns each probe of each plot at each instant that is asked, for an event and a component class.

    Shape (plots, instants, probes, 2): number of the department, -1 for nobody.
    """
    xy = np.array([corner(plot) for plot in range(count)])
    shape = (count, len(ASKED), len(PROBES), 2)
    probes = np.broadcast_to(xy[:, None, None, None, :] + np.array(PROBES)[None, None, :, None, :], (*shape, 2))
    stamps = np.array([instant(h).tz_convert(None).to_datetime64() for h in ASKED]).astype("datetime64[us]")
    at = np.broadcast_to(stamps[None, :, None, None], shape).ravel()
    classes = np.broadcast_to(np.array(["2026:E06010", "2026:C01002"], dtype=object), shape).ravel()
    places = probes.reshape(-1, 2)
    cases = Cases.read(snapshot, places[:, 0], places[:, 1], classes, crs=f"EPSG:{CITY.srid}", at=at)
    found = assign(cases, snapshot).frame()["department"].to_numpy(dtype=object).astype(str).reshape(shape)
    out = np.full(shape, -1)
    for k, letter in enumerate("pab"):
        mine = np.array([code_of(plot, k) for plot in range(count)])
        out[found == mine[:, None, None, None]] = k
        assert code_of(0, k)[-1] == letter
    assert ((out >= 0) == (found != "")).all(), "another plot's department"
    return out


def naive_owners(done: Histories, known_at: pd.Timestamp) -> np.ndarray:
    """Return what the naive interpreter says of the same."""
    load = done.loads(known_at)
    out = np.full((len(done.logs), len(ASKED), len(PROBES), 2), -1)
    for plot, log in enumerate(done.logs):
        things = naive.believed(log, load)
        for a, at in enumerate(ASKED):
            for p, (x, y) in enumerate(PROBES):
                for c in (0, 1):
                    out[plot, a, p, c] = naive.owner(things, at, x, y, component=bool(c))
    return out
