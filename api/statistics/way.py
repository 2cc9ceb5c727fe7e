"""How a question about where cases gather is put: the method, the cells, and what the method takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from api.statistics.in_time import METHODS as IN_TIME
from api.statistics.selection import BANDWIDTH_M, BANDWIDTHS_M
from gis import hotspots
from gis.hotspots import dbscan, hexagons, permutation
from grids.errors import InputError
from grids.nearmiss import suggest

METHODS = ("gi", "moran", "kde", "clusters", "rates", *IN_TIME)
SQUARES_M = (10.0, 2000.0)


@dataclass(frozen=True)
class Way:
    """How to ask: the method, the cells, and what the method takes. `read` checks it.

    ``cells`` is ``unit``, ``area:SET``, ``h3:N`` or ``plane``; ``cell_m`` NaN for the usual side of squares.
    """

    method: str = "gi"
    cells: str = "unit"
    p: str = "auto"
    runs: int = permutation.RUNS
    seed: int = 0
    kernel: str = "gaussian"
    bandwidth_m: float = BANDWIDTH_M
    cell_m: float = float("nan")
    reach_m: float = 50.0
    least: int = 50
    bin_days: int = 7
    back: int = 1
    longest: int = 8
    against: str = "city"

    @classmethod
    def read(
        cls,
        *,
        method: str = "gi",
        cells: str | None = None,
        p: str = "auto",
        runs: int = permutation.RUNS,
        seed: int = 0,
        kernel: str = "gaussian",
        bandwidth_m: float = BANDWIDTH_M,
        cell_m: float | None = None,
        reach_m: float = 50.0,
        least: int = 50,
        bin_days: int = 7,
        back: int = 1,
        longest: int = 8,
        against: str = "city",
        named: Callable[[str], str] = str,
    ) -> Way:
        """Check what was asked, before anything is read.

        Parameters
        ----------
        named
            How the asker writes a parameter (``--cells``), for errors.

        Raises
        ------
        InputError
            The first parameter that is wrong.
        """
        _one_of(method, METHODS, named("method"))
        free = method in ("kde", "clusters", "knox")
        cells = cells or ("plane" if free else "unit")
        kind, _, rest = cells.partition(":")
        levels = hexagons.LEVELS
        if kind == "h3" and not (rest.isascii() and rest.isdigit() and int(rest) in levels):
            right = f"h3:{levels.start} to h3:{levels.stop - 1}"
            raise InputError(f"h3 level {rest!r}", where=named("cells"), right=right)
        if kind not in ("unit", "area", "h3", "plane") or (kind in ("unit", "plane") and ":" in cells):
            raise InputError(f"{cells!r}", where=named("cells"), right="unit, area:SET, h3:N or plane")
        if free and kind != "plane":
            noun = {"kde": "a density has", "knox": "pairs of cases have"}.get(method, "clusters have")
            right = f"take plane, or {named('method')} gi"
            raise InputError(f"{noun} no cells of kind {cells}", where=named("cells"), right=right)
        _one_of(p, ("auto", "analytic", "permutation"), named("p"))
        _within(runs, 1, permutation.MOST_RUNS, named("runs"))
        _within(seed, 0, 2**63 - 1, named("seed"))
        _one_of(kernel, hotspots.KERNELS, named("kernel"))
        _within(bandwidth_m, *BANDWIDTHS_M, named("bandwidth_m"), "metres")
        if cell_m is not None:
            _within(cell_m, *SQUARES_M, named("cell_m"), "metres")
            if method == "kde" and cell_m > bandwidth_m / 2:
                right = f"at most half the bandwidth, {bandwidth_m / 2:g} m"
                raise InputError(f"{cell_m:g}", where=named("cell_m"), right=right)
        _within(reach_m, *dbscan.REACH_M, named("reach_m"), "metres")
        _within(least, 2, dbscan.MOST_CASES, named("least"), "cases")
        _within(bin_days, 1, 366, named("bin_days"), "days")
        _within(back, 0, 100, named("back"), "bins")
        _within(longest, 1, 500, named("longest"), "bins")
        _one_of(against, ("city", "length"), named("against"))
        side = float("nan") if cell_m is None else float(cell_m)
        return cls(
            method, cells, p, runs, seed, kernel, float(bandwidth_m), side, float(reach_m), least,
            bin_days, back, longest, against,
        )  # fmt: skip


def _one_of(value: str, known: tuple[str, ...], where: str) -> None:
    if value not in known:
        near = suggest(value[:60], list(known), n=1)
        hint = f"did you mean {near[0]}?" if near else "one of " + ", ".join(known)
        raise InputError(f"{value[:60]!r}", where=where, right=hint)


def _within(value: float, low: float, high: float, where: str, unit: str = "") -> None:
    if not low <= value <= high:
        right = f"{_figure(low)} to {_figure(high)} {unit}".rstrip()
        raise InputError(_figure(value), where=where, right=right)


def _figure(value: float) -> str:
    """A number as it would be typed: whole ones in full."""
    return str(value) if isinstance(value, int) else f"{value:g}"
