"""Community, unit and zone of its class group for each case, beside SedonaDB, STRtree, geopandas, DuckDB, PostGIS.

The slower a peer, the smaller the sample it gets; rates are compared. Ours reuses its index, as do STRtree and
PostGIS; SedonaDB, geopandas and DuckDB make theirs in each query, as they do. All answers are compared.
"""

from __future__ import annotations

import numpy as np

from gis import postgis
from gis.assign import Cases, locate
from gis.snapshot import Snapshot
from tests.bench import city, peers
from tests.bench.paired import Row, heading, paired
from tests.conftest import database_name

CASES = 1_000_000
SAMPLES = {"SedonaDB": CASES, "shapely STRtree": 100_000, "geopandas.sjoin": 100_000, "DuckDB": 100_000}
POSTGIS = 50_000


def run() -> list[Row]:
    """Rows for ``make bench``."""
    made, snapshot = city.kept()
    read = made.cases.head(CASES)
    cases = Cases.read(snapshot, read["x"], read["y"], read["class"], at=city.DAY)
    unit, areas, zone = locate(cases, snapshot, sets=("community",), threads=2)
    ours = {"community": areas[:, 0], "unit": unit, "zone": zone}
    asked = peers.question(made, snapshot, CASES)
    makers = {"SedonaDB": peers.sedona, "shapely STRtree": peers.strtree, "geopandas.sjoin": peers.geopandas_sjoin,
              "DuckDB": peers.duck}  # fmt: skip
    works = [("wanmi", len(cases), lambda: locate(cases, snapshot, sets=("community",), threads=2))]
    for name, make in makers.items():
        n = min(SAMPLES[name], len(cases))
        work = make(asked.first(n))
        compare(name, ours, work())
        works.append((name, n, work))
    rows = [heading("community, unit and zone; the same answers of all; two threads, median of 7 rounds")]
    rows += paired(works)
    rows.insert(2, _one_thread(cases, snapshot))
    return rows + _postgis(asked.first(POSTGIS), ours, cases, snapshot)


def compare(name: str, ours: peers.Answer, theirs: peers.Answer) -> None:
    """Stop when a peer found something else."""
    for layer in peers.LAYERS:
        wrong = np.flatnonzero(theirs[layer] != ours[layer][: len(theirs[layer])])
        if len(wrong):
            raise AssertionError(f"{name} differs from the engine in {len(wrong)} cases of layer {layer}: {wrong[:5]}")


def _one_thread(cases: Cases, snapshot: Snapshot) -> Row:
    (_, n, seconds, _), *_ = paired([("", len(cases), lambda: locate(cases, snapshot, sets=("community",), threads=1))])
    return "wanmi, one thread", n, seconds, ""


def _postgis(asked: peers.Question, ours: peers.Answer, cases: Cases, snapshot: Snapshot) -> list[Row]:
    postgis.up()
    name = database_name("bench_locate")
    try:
        work = peers.postgis(asked, postgis.ensure_database(name))
        compare("PostGIS", ours, work())
        first = ("wanmi", len(cases), lambda: locate(cases, snapshot, sets=("community",), threads=2))
        return paired([first, ("PostGIS, from the polygons", len(asked.points), work)], runs=3)[1:]
    finally:
        postgis.drop_database(name)
