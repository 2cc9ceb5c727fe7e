"""What a selection counts, in figures for a page, and how its cases spread over months or weeks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from api.statistics.selection import Look
from api.statistics.spot_panel import days_to_bins

USUAL = ("population", "patrols")


def tell_look(found: Look, top: float) -> dict[str, Any]:
    """Counts of a selection, with the days it spans in the city's zone and the density of the darkest colour."""
    places, zone, selection = found.places, found.city.time_zone, found.selection

    def day(stamp: pd.Timestamp) -> str | None:
        if pd.isna(stamp):
            return None
        local = stamp.tz_convert(zone)
        return local.strftime("%Y-%m-%d" if local == local.normalize() else "%Y-%m-%d %H:%M")

    def whole(stamp: pd.Timestamp) -> str | None:
        return None if pd.isna(stamp) else stamp.tz_convert(zone).strftime("%Y-%m-%d")

    return {
        "cases": places.total,
        "counted": len(places),
        "no_location": places.no_location,
        "outside": places.outside,
        "unassigned": places.unanswered,
        "from": day(selection.begin),
        "to": day(selection.end),
        "first": whole(places.first),
        "last": whole(places.last),
        "bandwidth_m": selection.bandwidth_m,
        "top": top,
        "units": len(found.units),
    }


def bins_of(days: pd.Series, found: Look, step: str) -> list[dict[str, Any]]:
    """Months or weeks of a selection's period with their cases; the first and last may reach beyond it.

    Parameters
    ----------
    days
        Cases of the selection by day, whatever the period.
    found
        The selection.
    step
        ``month`` or ``week``.
    """
    zone, selection = found.city.time_zone, found.selection
    if not len(days):
        return []

    def number(stamp: pd.Timestamp) -> int:
        return (stamp.tz_convert(zone).tz_localize(None).normalize() - pd.Timestamp(1970, 1, 1)).days

    first, last = int(days.index.min()), int(days.index.max())
    low = first if pd.isna(selection.begin) else max(first, number(selection.begin))
    high = last if pd.isna(selection.end) else min(last, number(selection.end - pd.Timedelta(1, "us")))
    if low > high:
        return []
    edges, counts = days_to_bins(days, low, high, step)
    text = np.datetime_as_string(edges.astype("M8[D]"), unit="D").tolist()
    return [{"from": a, "to": b, "cases": int(n)} for a, b, n in zip(text[:-1], text[1:], counts, strict=True)]


def exposure_names(file: Path | None) -> list[str]:
    """Measures of the file that cases may be held against; none when there is no file or it cannot be read."""
    if file is None or not file.is_file():
        return []
    try:
        head = pd.read_parquet(file) if file.suffix.lower() == ".parquet" else pd.read_csv(file, nrows=50)
    except (OSError, ValueError):
        return []
    return [name for name in USUAL if name in head]
