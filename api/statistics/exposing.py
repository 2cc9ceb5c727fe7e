"""Cases against an exposure: Gi* and local Moran of what is beyond expectation, and rates with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from api.statistics.cells import find_cells
from api.statistics.masking import cut_cells
from api.statistics.selection import LEVEL, Look
from gis import counts, hotspots, looked
from gis.hotspots import exposure as exposing
from gis.hotspots import measures
from gis.hotspots.expected_rates import ASTRAY, expected_rates, recovered_rates, stray
from gis.hotspots.rates import Rates, Strayed, empirical_bayes, read_exposure
from gis.hotspots.twomaps import found_and_reported
from gis.hotspots.whence import WELL_M, spread, whence
from gis.state import state_folder
from grids.catalog import Catalog
from grids.errors import InputError
from grids.nearmiss import suggest

if TYPE_CHECKING:
    import geopandas as gpd
    from sqlalchemy import Engine

    from api.settings import Settings

METHODS = ("gi", "moran", "rates")
RECORDED = ("components", "roads", "cases", "ground")
"""Exposures that the record holds; any other is a column of the file of measures, as ``population`` and ``patrols``."""
PER = {
    "components": "component", "roads": "km of road", "cases": "case of other classes", "population": "resident",
    "patrols": "patrol visit",
}  # fmt: skip
"""What a rate is of, over the whole period; a column of the file goes by its own name."""
RATES = ("all", "found", "reported", "filed", "both")
SMOOTHING = ("global", "local", "ground")
LEAST_GROUP = 0.005
"""Class groups with a smaller share of the cases tell nothing of where cases are to be expected."""


@dataclass(frozen=True)
class Exposing:
    """What cases are set against. `read` checks it.

    Parameters
    ----------
    exposure
        One of `RECORDED`, or a column of the file.
    rates
        Which cases count, one of `RATES`.
    smooth
        What rates are drawn towards, one of `SMOOTHING`.
    file
        Measures of units (CSV or Parquet: ``unit`` and columns of numbers); None when there is none.
    """

    exposure: str = ""
    rates: str = "all"
    smooth: str = "global"
    file: Path | None = None

    @classmethod
    def read(
        cls,
        method: str,
        *,
        exposure: str = "",
        rates: str = "",
        smooth: str = "",
        file: Path | None = None,
        named: Callable[[str], str] = str,
    ) -> Exposing | None:
        """Check what was asked; None when nothing was.

        Parameters
        ----------
        named
            How the asker writes a parameter (``--rates``), for errors.

        Raises
        ------
        InputError
            A method that takes no exposure, rates without one, a word that is none.
        """
        if not (exposure or rates or smooth) and method != "rates":
            return None
        if method not in METHODS:
            what = f"{method} takes no exposure"
            raise InputError(what, where=named("exposure"), right="take method gi, moran or rates")
        for value, known, where in ((rates, RATES, "rates"), (smooth, SMOOTHING, "smooth")):
            if value and value not in known:
                near = suggest(value[:60], list(known), n=1)
                right = f"did you mean {near[0]}?" if near else "one of " + ", ".join(known)
                raise InputError(f"{value[:60]!r}", where=named(where), right=right)
        if smooth and method != "rates":
            raise InputError(
                f"{method} smooths nothing", where=named("smooth"), right="leave it out, or take method rates"
            )
        rates = rates or "all"
        if rates == "both":
            if method != "rates" or exposure not in ("", "patrols"):
                what = "both maps have exposures of their own, patrols and population"
                raise InputError(what, where=named("exposure"), right="leave it out, and take method rates")
            exposure = "patrols"
        if not exposure:
            right = "name one: components, roads, cases, population, patrols, or a column of the file of measures"
            raise InputError(f"{method} needs an exposure", where=named("exposure"), right=right)
        if exposure == "ground" and method == "rates":
            what = "ground says how many cases to expect, not over what a rate is"
            raise InputError(what, where=named("exposure"), right="take components, roads, cases or a measure")
        return cls(exposure, rates, smooth or "global", file)


def measures_file(settings: Settings) -> Path | None:
    """The file of measures: the setting's, else that of the demo city in the state folder; None when there is none."""
    if settings.measures:
        return Path(settings.measures).expanduser()
    state = Path(settings.state).expanduser() if settings.state else state_folder()
    made = state / "demo" / "truth_exposure.parquet"
    return made if settings.city == "demo" and made.is_file() else None


def gather_exposed(
    engine: Engine, book: Catalog, found: Look, way: Any, asked: Exposing
) -> tuple[gpd.GeoDataFrame, dict[str, Any], dict[str, Any]]:
    """Cells, what was asked beside the selection, and what was found.

    Raises
    ------
    InputError
        An exposure that there is not, or that is zero everywhere.
    """
    classes = None if found.wanted.classes is None else list(found.wanted.classes)
    cases = found.source.kinds(replace(found.wanted, classes=None, channels=None, departments=None))
    cells = find_cells(found, way.cells, way.cell_m, cases.x, cases.y, cases.unit)
    taken = cases.taken(found.wanted)
    taken &= {"filed": cases.filed, "found": cases.by(looked.PATROLS), "reported": cases.by(looked.CITIZENS)}.get(
        asked.rates, np.ones(len(taken), dtype=bool)
    )
    cells, shapes, beyond = cut_cells(found, cells)
    frame = cells.frame.copy()

    def count(which: NDArray[np.bool_]) -> NDArray[np.int64]:
        at = cells.at[which & (cells.at >= 0)]
        return np.bincount(at, minlength=len(frame))

    parameters: dict[str, Any] = {"exposure": asked.exposure, "rates": asked.rates}
    parts = _Parts(engine, book, found, cells, shapes, asked, cases, taken, classes, way.seed, beyond)
    if asked.rates == "both":
        columns, told = _two_maps(count, taken, cases, parts, asked)
        pair = {"found": PER["patrols"], "reported": PER["population"]}
        return _with(frame, columns), parameters | {"smooth": asked.smooth, "per": pair}, told
    x = count(taken)
    table = parts.measure(asked.exposure)
    if way.method == "rates":
        columns, told = _rates(x, table, parts, asked)
        per = PER.get(asked.exposure, asked.exposure)
        return _with(frame, columns), parameters | {"smooth": asked.smooth, "per": per}, told
    if not x.sum() or len(frame) < 2:
        none = np.full(len(frame), np.nan)
        columns = {"cases": x, "expected": none, "ratio": none, "z": none, "p": none, "q": none, "hot": False}
        parameters |= {"p_by": "none", "p_why": "no case, or fewer than two cells", "p_runs": 0, "level": LEVEL}
        if way.method == "moran":
            frame["quadrant"] = ""
        return _with(frame, columns), parameters, {"n_cells": len(frame), "hot": 0}
    if way.method == "gi":
        out = exposing.gi_star_exposed(x, table, cells.near)
    else:
        out = exposing.local_moran_exposed(x, table, cells.near, runs=way.runs, seed=way.seed)
        frame["quadrant"] = np.array(hotspots.QUADRANTS, dtype=object)[out.quadrant]
    columns = {"cases": x, "expected": out.expected.round(4), "ratio": out.around.round(4)}
    columns |= {"z": out.z, "p": out.p, "q": out.q, "hot": out.hot(LEVEL)}
    by = out.evidence
    parameters |= {"p_by": by.by, "p_why": by.why, "p_runs": by.runs, "level": LEVEL, "uneven": round(out.uneven, 4)}
    told = {"n_cells": len(frame), "hot": int(out.hot(LEVEL).sum()), "unknown": int(np.isnan(out.expected).sum()),
            "unexposed": out.unexposed}  # fmt: skip
    return _with(frame, columns), parameters, told


def _with(frame: gpd.GeoDataFrame, columns: dict[str, Any]) -> gpd.GeoDataFrame:
    """The frame with more columns, geometry last."""
    name = frame.geometry.name
    out = frame.assign(**columns)
    return out[[*(c for c in out.columns if c != name), name]]


def _rates(
    x: NDArray[np.int64], exposure: NDArray[np.float64], parts: _Parts, asked: Exposing
) -> tuple[dict[str, Any], dict[str, Any]]:
    if asked.smooth == "ground":
        rates = parts.drawn(x, exposure, parts.taken)[0]
    else:
        rates = empirical_bayes(x, exposure, near=parts.cells.near if asked.smooth == "local" else None)
    known = ~np.isnan(rates.raw)
    columns = {"cases": x, "exposure": np.where(known, exposure, np.nan).round(4)}
    columns |= {"raw": rates.raw, "rate": rates.rate, "low": rates.low, "high": rates.high}
    usual = float(x[known].sum() / exposure[known].sum()) if known.any() else None
    told: dict[str, Any] = {"n_cells": len(x), "unknown": int((~known).sum()), "unexposed": int(x[~known].sum())}
    told |= {"clean": int((known & (x == 0)).sum()), "usual": usual}
    return columns, told


def _two_maps(count: Any, taken: NDArray[np.bool_], cases: looked.Kinds, parts: _Parts, asked: Exposing) -> Any:
    found, reported = count(taken & cases.by(looked.PATROLS)), count(taken & cases.by(looked.CITIZENS))
    visits, people = parts.measure("patrols"), parts.measure("population")
    for name, measure in (("patrols", visits), ("population", people)):
        read_exposure(np.zeros(len(measure)), measure, where=name)
    if asked.smooth == "ground":
        here, away = parts.drawn(found, visits, taken & cases.by(looked.PATROLS))
        there, astray = parts.drawn(reported, people, taken & cases.by(looked.CITIZENS))
        both = found_and_reported(found, visits, reported, people, rates=(here, there), strayed=(away, astray))
    else:
        near = parts.cells.near if asked.smooth == "local" else None
        both = found_and_reported(found, visits, reported, people, near=near)
    columns: dict[str, Any] = {"found": found, "visits": _known(visits), "found_rate": both.found.rate}
    columns |= {"found_low": both.found.low, "found_high": both.found.high}
    columns |= {"reported": reported, "people": _known(people), "reported_rate": both.reported.rate}
    columns |= {"reported_low": both.reported.low, "reported_high": both.reported.high}
    columns |= {"ratio": both.ratio, "ratio_low": both.low, "ratio_high": both.high, "apart": both.apart().astype(int)}
    told = {"n_cells": len(found), "usual": None if np.isnan(both.usual) else both.usual,
            "unknown": int(np.isnan(both.ratio).sum()), "never_visited": int((~(visits > 0)).sum()),
            "unexposed": int(found[~(visits > 0)].sum())}  # fmt: skip
    return columns, told


def _known(exposure: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(exposure > 0, exposure, np.nan)


class _Parts:
    """Measures of the cells of a question, made when they are asked for."""

    def __init__(self, engine, book, found, cells, shapes, asked, cases, taken, classes, seed, beyond) -> None:  # type: ignore[no-untyped-def]
        self.beyond = beyond
        # those of other classes, whoever told of them and whose they are: of the same class, others are no ground
        self.others = ~cases.taken(replace(found.wanted, channels=None, departments=None))
        self.engine, self.book, self.found, self.cells, self.shapes = engine, book, found, cells, shapes
        self.asked, self.cases, self.taken, self.classes, self.seed = asked, cases, taken, classes, seed

    def measure(self, name: str) -> NDArray[np.float64]:
        """The exposure of each cell, (n,); covariates (n, k) of ``ground``."""
        if name == "components":
            return self._components(self.classes)
        if name == "roads":
            return sum(self._roads.values(), np.zeros(len(self.shapes)))
        if name == "cases":
            others = self.others & (self.cells.at >= 0)
            if not others.any():
                what = "the selection takes all classes: there are no other cases"
                raise InputError(what, where="exposure", right="filter by class, or take another exposure")
            return np.bincount(self.cells.at[others], minlength=len(self.shapes)).astype(float)
        if name == "ground":
            return self._ground()
        return self._column(name)

    def _components(self, classes: list[str] | None) -> NDArray[np.float64]:
        """Components in each cell: those of the classes, if any is one of components; else all."""
        kind = None if classes is None else [c for c in classes if c.partition(":")[2][:1] == "C"] or None
        now = pd.Timestamp.now(tz="UTC")
        return measures.things_in(self.shapes, *looked.component_places(self.engine, at=now, classes=kind))

    @cached_property
    def _roads(self) -> dict[str, NDArray[np.float64]]:
        """Kilometres of road of each kind; a street on the border is shared with what lies beyond."""
        shapes, n = np.concatenate([self.shapes, self.beyond]), len(self.shapes)
        roads = counts.ground(self.engine, srid=self.found.city.srid, layers=("roads",))["roads"]
        kinds = roads.groupby("kind")
        return {str(k): measures.road_metres(shapes, g.geometry.to_numpy())[:n] / 1000.0 for k, g in kinds}

    def drawn(
        self, x: NDArray[np.int64], exposure: NDArray[np.float64], mine: NDArray[np.bool_]
    ) -> tuple[Rates, Strayed]:
        """Rates drawn towards what the ground and cases of other classes let one expect; what strayed.

        Parameters
        ----------
        x, mine
            The cases of each cell; which cases they are.
        """
        categories = np.asarray(self.cases.channel.categories, dtype=object).astype(str)
        names, of = np.unique(np.append(categories, ""), return_inverse=True)  # -1, none, is the last of them
        number = of[self.cases.channel.codes]
        count = np.bincount(number[mine], minlength=len(names))
        channels, held = names[count > 0], count[count > 0]
        others = self.others
        radii = [max(self.found.city.error_of(c), 0.0) for c in channels] or [0.0]
        strayed = stray(x, self.shapes, self.cells.near, accuracy_m=radii, weights=held if len(held) else 1.0)
        if not x.any() or strayed.gone.mean() <= ASTRAY:
            table = self._ground((count > 0)[number] & others)
            return expected_rates(x, exposure, table, strayed=strayed), strayed
        radius = np.array([self.found.city.error_of(c) for c in names])[number]
        at = self.cells.at
        well = (radius >= 0) & (radius <= WELL_M) & ~mine & (at >= 0)
        here = np.flatnonzero(mine & (at >= 0))
        where = spread(self.shapes, self.cases.x[well], self.cases.y[well], at[well])
        came = whence(self.cases.x[here], self.cases.y[here], np.maximum(radius[here], 0.0), at[here], where)
        table = self._ground(well & others if (well & others).any() else others)
        return recovered_rates(
            came, x, exposure, table, self.shapes, placed=self._placed(channels), seed=self.seed
        ), strayed

    def _placed(self, channels: NDArray[np.str_]) -> float:
        """Share of the selection's cases by these channels that have a place."""
        named = tuple(c for c in channels if c)
        if self.asked.rates == "filed" or not named:
            return 1.0
        told = self.found.source.places(replace(self.found.wanted, channels=named, within=None, without=None))
        return len(told) / max(len(told) + told.no_location, 1) or 1.0

    @cached_property
    def _things(self) -> NDArray[np.float64]:
        return self._components(None)

    @cached_property
    def _shares(self) -> NDArray[np.float64]:
        """Shares of ground of each kind."""
        parcels = counts.ground(self.engine, srid=self.found.city.srid, layers=("parcels",))["parcels"]
        return measures.ground_shares(self.shapes, parcels.geometry.to_numpy(), parcels["kind"])[0]

    def _ground(self, others_of: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Covariates; other cases are those of other classes, or are named."""
        free = self.others if others_of is None else others_of
        names = np.asarray(self.cases.klass.categories, dtype=object).astype(str)
        at = self.book.index(names)
        turned = np.where(at >= 0, self.book.to_2026[at], -1)
        group = np.array([self.book.texts[t][:8] if t >= 0 else n[:8] for t, n in zip(turned, names, strict=True)])
        groups, of = np.unique(np.append(group, ""), return_inverse=True)  # -1, none, is the last of them
        number, n, there = of[self.cases.klass.codes], len(self.shapes), free & (self.cells.at >= 0)
        cells = number[there] * n + self.cells.at[there]
        held = np.bincount(cells, minlength=len(groups) * n).reshape(len(groups), n)
        many = held.sum(axis=1) >= LEAST_GROUP * len(number)
        others = {str(k): held[i] for i, k in enumerate(groups) if k and many[i] and held[i].any()}
        return measures.covariates(
            self.shapes, self.cells.near, roads={k: v * 1000.0 for k, v in self._roads.items()},
            components=self._things, shares=self._shares, others=others,
        )[0]  # fmt: skip

    def _column(self, name: str) -> NDArray[np.float64]:
        frame, units = read_measures(self.asked.file, name), self.found.units
        values = frame.reindex(units["code"]).to_numpy(dtype=float)
        if np.isnan(values).all():
            raise InputError(f"no unit of the city is in {self.asked.file}", where="exposure", right="its unit codes")
        if (bad := values < 0).any():
            code = units["code"].to_numpy()[np.argmax(bad)]
            raise InputError(f"{name} {values[np.argmax(bad)]:g} of unit {code}", where="exposure", right="0 or more")
        if len(self.shapes) == len(units) and _alike(self.cells.frame, units):
            return values
        return measures.carried(self.shapes, units.geometry.to_numpy(), values)


def _alike(frame: gpd.GeoDataFrame, units: gpd.GeoDataFrame) -> bool:
    """Whether cells are the units themselves."""
    return bool(shapely.equals_identical(frame.geometry.to_numpy(), units.geometry.to_numpy()).all())


def read_measures(file: Path | None, name: str) -> pd.Series:
    """A column of the file of measures by unit code.

    Raises
    ------
    InputError
        No file, one that cannot be read, no such column, or text in it.
    """
    if file is None:
        known = ", ".join(RECORDED)
        right = f"take {known}, or name a file of measures (WANMI_MEASURES, --measures)"
        raise InputError(f"{name[:60]!r} is not in the record", where="exposure", right=right)
    try:
        frame = pd.read_parquet(file) if file.suffix.lower() == ".parquet" else pd.read_csv(file, dtype={"unit": str})
    except FileNotFoundError:
        raise InputError("there is no such file", where=file.name, right="name the file of measures") from None
    except (OSError, ValueError) as error:
        raise InputError(f"it cannot be read: {str(error).splitlines()[0]}", where=file.name) from None
    columns = [c for c in frame.columns if c != "unit" and pd.api.types.is_numeric_dtype(frame[c])]
    if "unit" not in frame:
        raise InputError("it has no column unit", where=file.name, right="unit and columns of numbers")
    if name not in columns:
        near = suggest(name[:60], [*columns, *RECORDED], n=1)
        right = f"did you mean {near[0]}?" if near else "one of " + ", ".join([*RECORDED, *columns])
        raise InputError(f"{name[:60]!r}", where="exposure", right=right)
    if frame["unit"].duplicated().any():
        raise InputError("a unit is there twice", where=file.name, right="one row for each unit")
    return frame.set_index(frame["unit"].astype(str))[name]
