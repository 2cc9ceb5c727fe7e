"""An answer as a figure: what a method found, drawn with its units, its parameters and what was counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from gis import figures
from gis.hotspots.plane import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from api.statistics.gathered import Gathering

NAMES = {"gi": "Gi*", "moran": "local Moran", "kde": "density", "rates": "rates"}


def draw(answer: Gathering, ax: Axes | None = None, *, ground: Mapping[str, pd.DataFrame] | None = None) -> Axes:
    """Draw an answer by its method.

    Parameters
    ----------
    ground
        Frames by name (rivers, roads) that are drawn under it.

    Returns
    -------
    The axes, its legend with what was counted: cases, period, kernel and bandwidth, how p came about.
    """
    method, frame, note = answer.parameters.get("method", ""), answer.frame, told(answer)
    if method == "kde":
        ax = figures.plot_density(grid_of(answer), frame.crs, ax, note=note)
    elif "pattern" in frame:
        ax = figures.plot_kinds(frame, "pattern", figures.PATTERNS, ax, note=note, other="no pattern")
    elif "ratio" in frame:
        ax = figures.plot_cells(
            frame.assign(ratio=frame["ratio"].where(np.isfinite(frame["ratio"]) & (frame["ratio"] > 0))), "ratio", ax,
            label="ratio", note=note, middle=1.0, logarithmic=True, hot="hot" if "hot" in frame else None,
        )  # fmt: skip
    elif "rate" in frame:
        ax = figures.plot_cells(frame, "rate", ax, label=f"cases per {_of(answer)}", note=note)
    elif "z" in frame and "hot" in frame:
        name = f"z of {NAMES.get(method, method)}"
        ax = figures.plot_cells(frame, "z", ax, label=name, note=note, middle=0.0, hot="hot")
    elif "llr" in frame:
        ax = figures.plot_areas(frame, ax, label="clusters in space and time", names="cases")
    elif "cases" in frame:
        ax = figures.plot_cells(frame, "cases", ax, label="cases", note=note)
    else:
        ax = figures.plot_areas(frame, ax, label="found")
    if ground is not None:
        figures.plot_ground(ground, ax)
    return ax


def _of(answer: Gathering) -> str:
    """What a rate is over."""
    what = str(answer.parameters.get("exposure", "unit of exposure"))
    return {"roads": "kilometre of road", "population": "resident", "patrols": "visit"}.get(what, what)


def told(answer: Gathering) -> str:
    """What was counted and how, in a line."""
    said, facts = answer.parameters, answer.facts
    n = facts.get("counted", facts.get("cases_shown"))
    parts = [f"n = {n:,} cases" + (" in shown cells" if said.get("published") else "")] if n is not None else []
    if said.get("class"):
        parts.append(str(said["class"]))
    if said.get("from") or said.get("to"):
        parts.append(f"{_day(said.get('from'))} until {_day(said.get('to'))}".strip())
    if said.get("bandwidth_m") and said.get("kernel"):
        parts.append(f"{said['kernel']} kernel, bandwidth {said['bandwidth_m']:g} m")
    if said.get("exposure"):
        parts.append(f"against {said['exposure']}")
    if said.get("p_by") not in (None, "", "none"):
        parts.append(f"p {said['p_by']}")
    if said.get("published"):
        parts.append(f"published, k = {said['k']}")
    return "; ".join(parts)


def _day(value: object) -> str:
    """The day that begins at an instant, or next to it: the city's midnight is another hour of UTC.

    Examples
    --------
    >>> _day("2026-09-30T16:00:00Z"), _day("2026-07"), _day(None)
    ('2026-10-01', '2026-07', '')
    """
    text = str(value or "")
    return (pd.Timestamp(text) + pd.Timedelta(12, "h")).strftime("%Y-%m-%d") if "T" in text else text


def grid_of(answer: Gathering) -> Grid:
    """The squares of a density as a grid again; those left out are zero."""
    side = float(answer.parameters["cell_m"])
    if not len(answer.frame):
        return Grid(np.zeros((1, 1)), 0.0, 0.0, side)
    west, south, east, north = answer.frame.total_bounds
    middle = shapely.centroid(answer.frame.geometry.to_numpy())
    shape = round((north - south) / side), round((east - west) / side)
    row = ((shapely.get_y(middle) - south) // side).astype(int)
    column = ((shapely.get_x(middle) - west) // side).astype(int)
    values = np.zeros(shape)
    values[row, column] = answer.frame["cases_per_ha"].to_numpy()
    return Grid(values, west, south, side)
