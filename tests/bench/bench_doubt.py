"""How sure each owner is: shares of a million cases, beside fixed look-ups and discs cut by polygons; worst errors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.assign import Cases, assign
from gis.doubt import SIGMA, Shares, shares
from gis.snapshot import Snapshot
from tests.bench import city
from tests.bench.paired import Row, heading, paired

CASES, FEW, TENTH = 1_000_000, 5_000, 100_000
DISCS = 200
JUDGED, SAMPLES = 12, 1_000_000
POINTS = 256
RINGS, CORNERS = 12, 48

Answer = dict[int, float]


def run() -> list[Row]:
    """Rows for ``make bench``."""
    made, snapshot = city.kept()
    read = made.cases.head(CASES)
    error = np.random.default_rng(5).uniform(5, 50, len(read))
    cases = Cases.read(
        snapshot, read["x"], read["y"], read["class"], components=read["component"], at=read["at"], accuracy_m=error
    )
    events = np.flatnonzero(np.append(snapshot.arrays["classes.component"], -1)[cases.klass[:FEW]] < 0)
    some, by_zones = cases.take(slice(0, FEW)), cases.take(events[:DISCS])
    rows = [heading("shares of cases with errors of 5 to 50 m: 3,000 zones, a million components")]
    rows += paired([
        ("wanmi, two threads", len(cases), lambda: shares(cases, snapshot, threads=2)),
        ("wanmi, one thread", len(cases), lambda: shares(cases, snapshot, threads=1)),
        (f"{POINTS} look-ups of the engine, two threads", len(some), lambda: looked_up(some, snapshot)),
        ("discs cut by zones and areas (shapely)", len(by_zones), lambda: cut(by_zones, snapshot)),
    ], runs=3)  # fmt: skip
    tenth = cases.take(slice(0, TENTH))
    small, large = paired([
        ("", len(tenth), lambda: shares(tenth, snapshot, threads=2)),
        ("wanmi, ten times the cases", len(cases), lambda: shares(cases, snapshot, threads=2)),
    ], runs=3)  # fmt: skip
    rows.append((*large[:3], f"{large[2] / small[2]:.2f} times the time"))
    rows.append(heading(f"worst error in points, beside {SAMPLES:,} samples of the engine, of {JUDGED} unsure cases"))
    rows += [(what, JUDGED, 1.0, note) for what, note in judged(some, by_zones, snapshot)]
    return rows


def of(found: Shares, i: int) -> Answer:
    """Shares of one case by department."""
    mine = slice(found.start[i], found.start[i + 1])
    return dict(zip(found.department[mine].tolist(), found.share[mine].tolist(), strict=True))


def around(cases: Cases, i: int, off: NDArray[np.float64]) -> Cases:
    """Case i at places off it, in its standard deviations, as exact ones."""
    n, sigma = len(off), cases.error[i] * SIGMA
    x, y = (np.rint(v[i] + sigma * o).astype(np.int64) for v, o in ((cases.x, off[:, 0]), (cases.y, off[:, 1])))
    same: dict[str, Any] = {k: np.repeat(getattr(cases, k)[i], n) for k in ("klass", "component", "instant", "reason")}
    return Cases(x=x, y=y, error=np.full(n, -1), **same)


def sampled(cases: Cases, i: int, snapshot: Snapshot) -> Answer:
    """Shares by a million places drawn around one case."""
    off = np.random.default_rng(i).normal(0, 1, (SAMPLES, 2))
    who, count = np.unique(assign(around(cases, i, off), snapshot).department, return_counts=True)
    return dict(zip(who.tolist(), (count / SAMPLES).tolist(), strict=True))


@functools.cache
def spread() -> NDArray[np.float64]:
    """The same places for every case: a sunflower's seeds, equally likely."""
    k = np.arange(POINTS) + 0.5
    turn, out = k * np.pi * (3 - 5**0.5), np.sqrt(-2 * np.log1p(-k / POINTS))
    return np.column_stack([out * np.cos(turn), out * np.sin(turn)])


def looked_up(cases: Cases, snapshot: Snapshot) -> NDArray[np.int32]:
    """Owners at the fixed places around each case, shape (n, POINTS)."""
    off, sigma = spread(), (cases.error * SIGMA)[:, None]
    x, y = (np.rint(v[:, None] + sigma * off[:, k]).astype(np.int64).ravel() for k, v in enumerate((cases.x, cases.y)))
    same: dict[str, Any] = {
        k: np.repeat(getattr(cases, k), POINTS) for k in ("klass", "component", "instant", "reason")
    }
    many = Cases(x=x, y=y, error=np.full(len(x), -1), **same)
    return assign(many, snapshot, threads=2).department.reshape(-1, POINTS)


@functools.cache
def _shapes() -> tuple[shapely.STRtree, shapely.STRtree, NDArray[np.object_], NDArray[np.object_], list[str]]:
    made, snapshot = city.kept()
    from gis import exact

    zones = made.frames["zones"].set_index("code")
    order = [code.decode() for code in snapshot.arrays["zones.code"].tolist()]
    ground = exact.footprint(zones.geometry.loc[order].to_numpy(), zones["width_m"].loc[order])
    streets = made.frames["areas"].query("`set` == 'street'").set_index("code")
    ordered = [code.decode() for code in snapshot.arrays["areas/street.code"].tolist()]
    areas = streets.geometry.loc[ordered].to_numpy()
    return shapely.STRtree(ground), shapely.STRtree(areas), ground, areas, zones["classes"].loc[order].tolist()


def cut(cases: Cases, snapshot: Snapshot) -> list[Answer]:
    """Rings of equal probability around each case, cut by the zones in their order, then by the territory."""
    tree, streets, ground, areas, classes = _shapes()
    text, arrays = snapshot.codes("classes.text"), snapshot.arrays
    competent = snapshot.rules.department[0]
    parts = np.arange(1, RINGS) / RINGS
    radii = np.append(np.sqrt(-2 * np.log1p(-parts)), 3.7)
    turn = np.arange(CORNERS) * 2 * np.pi / CORNERS
    discs = radii[:, None, None] * np.column_stack([np.cos(turn), np.sin(turn)])
    out = []
    for i in range(len(cases)):
        x, y, sigma = cases.x[i] / 1000, cases.y[i] / 1000, cases.error[i] * SIGMA / 1000
        whole = shapely.polygons(discs * sigma + (x, y))
        left = np.append(whole[:1], shapely.difference(whole[1:], whole[:-1]))
        weight = 1.0 / RINGS / shapely.area(left)
        found: Answer = {}

        def take(shape: shapely.Geometry, who: int, left=left, weight=weight, found=found) -> NDArray[np.object_]:
            got = float((shapely.area(shapely.intersection(left, shape)) * weight).sum())
            found[who] = found.get(who, 0.0) + got
            return shapely.difference(left, shape)

        for z in sorted(tree.query(whole[-1], predicate="intersects").tolist()):
            if text[cases.klass[i]].startswith(classes[z]):
                left = take(ground[z], int(arrays["zones.department"][z]), left)
        for a in sorted(streets.query(whole[-1], predicate="intersects").tolist()):
            who = competent[cases.klass[i]]
            left = take(areas[a], int(who if who >= 0 else arrays["areas/street.department"][a]), left)
        if (rest := 1.0 - sum(found.values())) > 1e-6:
            found[-1] = found.get(-1, 0.0) + rest
        out.append(found)
    return out


def judged(some: Cases, by_zones: Cases, snapshot: Snapshot) -> list[tuple[str, str]]:
    """Worst and mean error of each."""

    def unsure(cases: Cases) -> tuple[Shares, NDArray[np.intp]]:
        found = shares(cases, snapshot)
        at = np.flatnonzero(found.share[found.start[:-1]] < 0.97)
        return found, np.random.default_rng(1).choice(at, min(JUDGED, len(at)), replace=False)

    def errors(at: NDArray[np.intp], right: list[Answer], told: Callable[[int], Answer]) -> str:
        off = []
        for i, truth in zip(at.tolist(), right, strict=True):
            mine = told(i)
            off.append(100 * max(abs(mine.get(k, 0.0) - truth.get(k, 0.0)) for k in {*mine, *truth}))
        beyond = float(np.mean(np.array(off) > 0.5))
        return f"worst {max(off):.2f} points, mean {np.mean(off):.2f}, {beyond:.0%} beyond half a point"

    found, at = unsure(some)
    right = [sampled(some, i, snapshot) for i in at.tolist()]
    fixed = looked_up(some.take(at), snapshot)

    def counted(i: int) -> Answer:
        who, count = np.unique(fixed[at.tolist().index(i)], return_counts=True)
        return dict(zip(who.tolist(), (count / POINTS).tolist(), strict=True))

    rows = [
        ("wanmi, all classes", errors(at, right, lambda i: of(found, i))),
        (f"{POINTS} look-ups, all classes", errors(at, right, counted)),
    ]
    found, at = unsure(by_zones)
    right = [sampled(by_zones, i, snapshot) for i in at.tolist()]
    discs = dict(zip(at.tolist(), cut(by_zones.take(at), snapshot), strict=True))
    return [
        *rows,
        ("wanmi, classes of events", errors(at, right, lambda i: of(found, i))),
        ("discs cut, classes of events", errors(at, right, discs.__getitem__)),
    ]
