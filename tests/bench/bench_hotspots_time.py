"""Hotspots in time: two million cases in 100,000 cells over 72 weeks; a scan of 100,000 cases with 999 runs; Knox.

The peer of emerging hotspots is Mann-Kendall and Gi* cell by cell, bin by bin, by a sparse product in numpy, with a
normal p; that of the scan is one run of plain numpy, times 999.
"""

from __future__ import annotations

import time

import numpy as np
from scipy import special

from gis.hotspots import squares
from gis.hotspots.compare import compare
from gis.hotspots.discovery import discovery_rate
from gis.hotspots.knox import knox
from gis.hotspots.scan import scan
from gis.hotspots.trend import emerging, mann_kendall

CELLS, BINS, CASES, SCANNED = (250, 400), 72, 2_000_000, 100_000
Row = tuple[str, int, float, str]


def timed(work) -> tuple[float, object]:
    begin = time.perf_counter()
    found = work()
    return time.perf_counter() - begin, found


def run() -> list[Row]:
    """Rows of trend, comparison, scan and Knox."""
    rng = np.random.default_rng(1)
    near = squares(np.ones(CELLS, dtype=bool))
    n = CELLS[0] * CELLS[1]
    weight = rng.gamma(0.7, 1.0, n)
    cube = np.bincount(
        rng.choice(n, CASES, p=weight / weight.sum()) * BINS + rng.integers(0, BINS, CASES), minlength=n * BINS
    ).reshape(n, BINS)
    small = squares(np.ones((25, 40), dtype=bool))
    emerging(cube[:1000], small)
    rows: list[Row] = []
    spent = [timed(lambda: emerging(cube, near))[0] for _ in range(3)]
    tenth, _ = timed(lambda: emerging(cube[: n // 10], squares(np.ones((25, 400), dtype=bool))))
    seconds = float(np.median(spent))
    rows.append(
        (f"emerging hotspots, {BINS} bins", n, seconds, f"bar 5 s; {seconds / tenth:.1f} x a tenth of the cells")
    )

    def plain() -> np.ndarray:
        held = (near @ cube + np.c_[np.zeros(n), near @ cube[:, :-1]]).astype(float)
        z = (held - held.mean()) / held.std()
        return discovery_rate(2 * special.ndtr(-np.abs(z)).ravel())

    rows.append(
        ("  sparse product, normal p, q by sorting", n, timed(plain)[0], "no Mann-Kendall, p not to be trusted")
    )
    rows.append(("Mann-Kendall alone", n, timed(lambda: mann_kendall(cube))[0], ""))
    seconds, _ = timed(lambda: compare(cube[:, :36].sum(axis=1), cube[:, 36:].sum(axis=1)))
    rows += [("two periods", 0, 0.0, ""), ("two periods side by side", n, seconds, "exact p, intervals, q")]
    side = 96
    x, y = (v.ravel() * 100.0 for v in np.meshgrid(np.arange(side), np.arange(side)))
    weight = rng.gamma(0.7, 1.0, len(x))
    share = weight / weight.sum()
    few = np.zeros((len(x), BINS), dtype=np.int64)
    np.add.at(few, (rng.choice(len(x), SCANNED, p=share), rng.integers(0, BINS, SCANNED)), 1)
    scan(x[:100], y[:100], few[:100], runs=2)
    rows.append(("clusters in space and time", 0, 0.0, ""))
    seconds, _ = timed(lambda: scan(x, y, few, longest=8, runs=999))
    rows.append((f"scan, {len(x):,} cells, {BINS} bins, 999 runs", SCANNED, seconds, "bar 120 s"))
    px, py = rng.uniform(0, side * 100, (2, SCANNED))
    knox(px[:1000], py[:1000], np.arange(1000), runs=2)
    seconds, found = timed(lambda: knox(px, py, rng.integers(0, 500, SCANNED), runs=999))
    rows.append(("Knox to 400 m, 999 runs", SCANNED, seconds, f"{found.pairs.sum():,} pairs within both"))  # type: ignore[attr-defined]
    return rows
