"""Nearest component of the class within reach for each case, beside scipy's cKDTree and SedonaDB; answers compared.

Each class has its own reach. Ties are left to the peers: distances are compared, which no tie can change.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import geopandas as gpd
import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gis import decide
from gis.assign import CHUNK, Cases
from gis.nearest import nearest
from gis.raster import nearby
from tests.bench import city
from tests.bench.paired import Row, heading, paired

CASES = 1_000_000
SEDONA = 20_000


def run() -> list[Row]:
    """Rows for ``make bench``."""
    made, snapshot = city.kept()
    read = made.cases[made.cases["class"].str.startswith("2026:C")].head(CASES)
    cases = Cases.read(snapshot, read["x"], read["y"], read["class"], at=city.DAY)
    _, _, components, (_, _, radius, _, wanted, *_), _ = decide.ground(snapshot)
    klass, reach = wanted[cases.klass], radius[-1, cases.klass]
    places, kinds = components[5], snapshot.arrays["classes.component"][components[3]]

    def ours(threads: int) -> NDArray[np.float64]:
        square = np.empty(len(cases), dtype=np.int64)

        def part(a: int) -> None:
            rows = slice(a, a + CHUNK)
            order = nearby(cases.x[rows], cases.y[rows])
            asked = [column[rows][order] for column in (cases.x, cases.y, klass, reach, cases.instant)]
            found, far = np.empty(len(order), dtype=np.int32), np.empty(len(order), dtype=np.int64)
            nearest(components[0], *asked, components[1], components[2], found, far)
            square[rows][order] = far

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(part, range(0, len(cases), CHUNK)))
        return square

    want = ours(2)
    x, y = cases.x - city.WEST * 1000, cases.y - city.SOUTH * 1000
    at = np.column_stack([x, y]).astype(float)
    local = places - np.array([city.WEST, city.SOUTH]) * 1000
    tree, sedona = _trees(at, local, klass, kinds, reach), _sedona(at[:SEDONA], local, klass[:SEDONA], kinds)
    _compare("cKDTree", want, tree(), reach)
    _compare("SedonaDB", want[:SEDONA], sedona(), reach[:SEDONA])
    return [
        heading(f"nearest of its class within reach of {len(places):,} components; the same distances; 7 rounds"),
        *paired([
            ("wanmi, two threads", len(cases), lambda: ours(2)),
            ("wanmi, one thread", len(cases), lambda: ours(1)),
            ("scipy cKDTree of each class, two threads", len(cases), tree),
        ]),
        *paired([("wanmi, two threads", len(cases), lambda: ours(2)), ("SedonaDB ST_KNN", SEDONA, sedona)], runs=3)[1:],
    ]  # fmt: skip


def _compare(name: str, want: NDArray, got: NDArray, reach: NDArray) -> None:
    """Squared distances in mm², -1 for none within reach."""
    inside = np.where(got <= reach.astype(float) ** 2, got, -1.0)
    wrong = np.flatnonzero(np.abs(want - inside) > 0.5)
    if len(wrong):
        raise AssertionError(f"{name} differs in {len(wrong)} cases: {want[wrong[:5]]}, {inside[wrong[:5]]}")


def _trees(at: NDArray, local: NDArray, klass: NDArray, kinds: NDArray, reach: NDArray) -> Callable[[], NDArray]:
    trees = {k: (cKDTree(local[kinds == k]), np.flatnonzero(klass == k)) for k in np.unique(klass)}

    def work() -> NDArray[np.float64]:
        out = np.full(len(at), np.inf)
        for tree, mine in trees.values():
            if tree.n and len(mine):
                out[mine] = tree.query(at[mine], distance_upper_bound=reach[mine[0]] + 1.0, workers=2)[0] ** 2
        return np.where(np.isfinite(out), np.rint(out), np.inf)

    return work


def _sedona(at: NDArray, local: NDArray, klass: NDArray, kinds: NDArray) -> Callable[[], NDArray]:
    import sedonadb

    session = sedonadb.connect()
    classes = np.unique(klass)
    for k in classes:
        for name, places in ((f"cases{k}", at[klass == k]), (f"components{k}", local[kinds == k])):
            frame = gpd.GeoDataFrame({"number": np.arange(len(places))}, geometry=shapely.points(places))
            session.create_data_frame(frame).to_view(name)

    def work() -> NDArray[np.float64]:
        out = np.full(len(at), np.inf)
        for k in classes:
            if not (kinds == k).any():
                continue
            hit = pa.table(session.sql(
                f"SELECT c.number, ST_Distance(c.geometry, q.geometry) AS far FROM cases{k} c "
                f"JOIN components{k} q ON ST_KNN(c.geometry, q.geometry, 1, false)"
            ))  # fmt: skip
            mine = np.flatnonzero(klass == k)
            out[mine[hit["number"].to_numpy()]] = hit["far"].to_numpy() ** 2
        return np.where(np.isfinite(out), np.rint(out), np.inf)

    return work
