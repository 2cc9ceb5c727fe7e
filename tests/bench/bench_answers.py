"""Full answers: component within reach, rule, owner, reason; ten times the cases; one case by itself."""

from __future__ import annotations

import time

import numpy as np

from gis import decide
from gis.answer import answer
from gis.assign import Cases, assign
from gis.one import One, read_one
from gis.snapshot import Snapshot
from tests.bench import city
from tests.bench.paired import RUNS, Row, heading, paired

CASES = 2_000_000
ALONE = 2_000


def run() -> list[Row]:
    """Rows for ``make bench``."""
    made, snapshot = city.kept()
    read = made.cases
    cases = Cases.read(
        snapshot, read["x"], read["y"], read["class"], components=read["component"], at=read["at"],
        accuracy_m=read["error"],
    )  # fmt: skip
    rows = [heading("full answers of clustered cases, median of 7 rounds")]
    ruled = city.kept_ruled()
    rows += paired([
        ("wanmi, two threads", len(cases), lambda: assign(cases, snapshot, doubt=False, threads=2)),
        ("wanmi, one thread", len(cases), lambda: assign(cases, snapshot, doubt=False, threads=1)),
        ("with every rule on, two threads", len(cases), lambda: assign(cases, ruled, doubt=False, threads=2)),
    ])  # fmt: skip
    rows.append(_ten_times(cases, snapshot))
    rows += [
        heading("one case by itself; each in its turn of 2,000, median of 7 rounds"),
        *_alone(cases, made, snapshot),
    ]
    return rows


def _ten_times(cases: Cases, snapshot: Snapshot) -> Row:
    """Ten times as many, as one array, moved about by up to 10 m."""
    rng = np.random.default_rng(3)
    many = {k: np.tile(getattr(cases, k), 10) for k in ("x", "y", "klass", "component", "instant", "error", "reason")}
    many["x"] += rng.integers(-10_000, 10_001, len(many["x"]))
    bulk = Cases(**many)
    small, large = paired([
        ("", len(cases), lambda: assign(cases, snapshot, doubt=False, threads=2)),
        ("wanmi, two threads, ten times the cases", len(bulk), lambda: assign(bulk, snapshot, doubt=False, threads=2)),
    ], runs=3)  # fmt: skip
    return *large[:3], f"{large[2] / small[2]:.2f} times the time"


def _alone(cases: Cases, made: city.Made, snapshot: Snapshot) -> list[Row]:
    some = np.linspace(0, len(cases) - 1, ALONE).astype(int)
    columns = ("x", "y", "klass", "component", "instant", "error", "reason")
    ones = [One(*(int(getattr(cases, k)[i]) for k in columns)) for i in some]
    asked = made.cases.iloc[some]
    told = list(zip(asked["x"], asked["y"], asked["class"], asked["component"], asked["error"], strict=True))
    ground, out = decide.ground(snapshot), np.empty(256, dtype=np.int64)
    held = np.zeros((1, 1), dtype=np.int32)

    def resolved() -> None:
        for x, y, klass, component, instant, error, _, _ in ones:
            decide.one(x, y, klass, component, instant, error, True, held, *ground, out)

    def answered() -> None:
        for one in ones:
            answer(one, snapshot)

    def whole() -> None:
        for x, y, klass, component, error in told:
            answer(read_one(snapshot, x, y, klass, component=component, accuracy_m=error), snapshot)

    works = (
        ("resolved, with all candidates, as numbers", resolved),
        ("answered in full, as a dict", answered),
        ("read from its texts and answered in full", whole),
    )
    spent = {name: [] for name, _ in works}
    for turn in range(RUNS + 1):
        for name, work in works:
            begin = time.perf_counter()
            work()
            if turn:
                spent[name].append(time.perf_counter() - begin)
    rows = []
    for name, times in spent.items():
        seconds = float(np.median(times))
        rows.append((name, ALONE, seconds, f"{seconds / ALONE * 1e6:.1f} µs a case"))
    return rows
