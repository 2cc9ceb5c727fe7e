"""The size of the demo city and its named streams of chance."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import data
from grids.errors import InputError

SRID = 4546
"""CGCS2000 / 3-degree Gauss-Kruger, central meridian 111° E (no zone number in the easting)."""

CENTRE = (500_000.0, 3_877_921.0)
"""The bell tower of the old town in EPSG:4546, near 111.0° E, 35.03° N."""

FULL_AREA_M2 = 91e6
"""Built-up area at scale 1, as published for Yanhu District."""

SMALLEST, LARGEST = 0.02, 1.0
"""Scales between which every kind of thing has room and every community's serial keeps to three digits."""


@dataclass(frozen=True)
class Plan:
    """What the makers of all chapters share: size and chance.

    Parameters
    ----------
    scale
        Share of the full city's area and counts, `SMALLEST` to `LARGEST`.
    seed
        Equal seeds give equal cities, bit for bit.
    """

    scale: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not SMALLEST <= self.scale <= LARGEST:
            raise InputError(f"scale {self.scale:g}", right=f"{SMALLEST:g} to {LARGEST:g}")
        if self.seed < 0:
            raise InputError(f"seed {self.seed}", right="0 or more")

    @property
    def area_m2(self) -> float:
        """Area of the city."""
        return FULL_AREA_M2 * self.scale

    @property
    def radius(self) -> float:
        """Radius in metres of a disc of the city's area."""
        return float(np.sqrt(self.area_m2 / np.pi))

    @property
    def mesh(self) -> float:
        """Distance in metres between primary roads; small cities have closer ones."""
        return 1900.0 * self.scale**0.2

    def count(self, full: float, least: int = 1) -> int:
        """A number of things at this scale, at least ``least``."""
        return max(least, round(full * self.scale))

    def stream(self, name: str) -> np.random.Generator:
        """The stream of chance called ``name``: the same numbers whatever the others have drawn."""
        return np.random.Generator(np.random.PCG64([self.seed, zlib.crc32(name.encode())]))


REFORM = pd.Timestamp("2026-06-30 16:00", tz="UTC")
"""When the edition of 2026 comes into force, on 1 July local time, and who is responsible changes with it."""


def table(name: str) -> pd.DataFrame:
    """A table of facts under ``data/demo``, every column as text."""
    return pd.read_csv(Path(data.__file__).parent / "demo" / f"{name}.csv", dtype=str, keep_default_na=False)
