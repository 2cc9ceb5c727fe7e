"""A register of zones and of what is wrong with them, and class filters for both editions."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import shapely

from gis.exact import snap
from grids.catalog import catalog

MAJORS_2013 = {
    "2026:E06": "2013:E01",
    "2026:E07": "2013:E02",
    "2026:E08": "2013:E03",
    "2026:E09": "2013:E04",
    "2026:C04": "2013:C04",
}
"""Majors of the edition 2013 with the matters of a 2026 one."""


@cache
def both(modern: str) -> str:
    """A class filter for both editions: the 2026 items and the 2013 classes or majors that they took over."""
    book = catalog()
    items = modern.split()
    for item in modern.split():
        old = book.texts[(book.to_2026 == book.index([item])[0]) & (book.classes["edition"] == "2013").to_numpy()]
        items += [MAJORS_2013[item]] if item in MAJORS_2013 else old.tolist() if ":" in item and len(item) > 8 else []
    return " ".join(dict.fromkeys(items))


class Register:
    """Collects zones and their faults, giving codes in turn."""

    def __init__(self) -> None:
        self.rows: list[dict] = []
        self.faults: list[dict] = []

    def add(self, sort: str, name: str, department: str, classes: str, shape, **more) -> str:
        """Add a zone; returns its code."""
        shape = snap(shape)[0]
        number = sum(row["code"].startswith(f"Z-{sort}-") for row in self.rows) + 1
        code = f"Z-{sort}-{number:03d}"
        row = {"code": code, "name": name, "department": department, "classes": both(classes), "rank": pd.NA,
               "width_m": np.nan, "effect": "", "duty": "", "joint": "", "side": "", "from_m": np.nan, "to_m": np.nan,
               "valid_from": pd.NaT, "valid_to": pd.NaT, "geometry": shape}  # fmt: skip
        self.rows.append(row | more)
        return code

    def fault(self, kind: str, codes: list[str], where, note: str) -> None:
        """Write a fault into the truth: kind, zones, the ground it concerns."""
        x, y = shapely.get_coordinates(shapely.point_on_surface(where))[0]
        self.faults.append(
            {
                "fault": kind,
                "zones": " ".join(codes),
                "x": x,
                "y": y,
                "area_m2": shapely.area(where),
                "note": note,
                "geometry": where,
            }
        )
