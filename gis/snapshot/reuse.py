"""What of an earlier snapshot a later one may take over as it is, because its input has not changed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import shapely
from blake3 import blake3
from numpy.typing import NDArray

LAYERS = ("rules", "areas", "units", "zones", "components")
"""Layers that are taken over whole; departments and classes are few, and compiled anew each time."""
_MAKERS = (
    "snapshot/making.py",
    "snapshot/reuse.py",
    "snapshot/standing.py",
    "raster.py",
    "grouped.py",
    "nearest.py",
    "exact.py",
    "sides.py",
    "zones.py",
    "compiled.py",
)


class Base:
    """Arrays of an earlier snapshot, with what tells that they are still right.

    Parameters
    ----------
    arrays
        Its arrays by name.
    inputs
        Digest of the geometry that each of its rasters was made of, by the raster's layer.
    same
        Names of the layers whose rows are those that it was made of; their frames need not be read.
    """

    def __init__(self, arrays: Mapping[str, NDArray], inputs: Mapping[str, str], same: frozenset[str]) -> None:
        self.arrays, self.inputs, self.same = arrays, inputs, same

    def part(self, *prefixes: str) -> dict[str, NDArray]:
        """Arrays whose names begin so."""
        return {name: array for name, array in self.arrays.items() if name.startswith(prefixes)}


NOTHING = Base({}, {}, frozenset())


def geometry_digest(geometry: NDArray[np.object_]) -> str:
    """Digest of shapes in their order."""
    mark = blake3(len(geometry).to_bytes(8, "little"))
    wkb = shapely.to_wkb(geometry, byte_order=1, include_srid=False)
    lengths = np.fromiter((-1 if b is None else len(b) for b in wkb), dtype=np.int64, count=len(wkb))
    mark.update(lengths.tobytes())
    mark.update(b"".join(b for b in wkb if b is not None))
    return mark.hexdigest(16)


@cache
def maker() -> str:
    """Digest of the code that makes arrays out of rows: another Wanmi takes nothing over."""
    here = Path(__file__).parent.parent
    mark = blake3(f"{np.__version__} {shapely.geos_version_string}".encode())
    for name in _MAKERS:
        mark.update((here / name).read_bytes())
    return mark.hexdigest(16)


def same_layers(
    before: Mapping[str, str], now: Mapping[str, str], *, made_by: str, same_departments: bool
) -> frozenset[str]:
    """Layers that need not be read again.

    Parameters
    ----------
    before, now
        State of each layer of the record, when the earlier snapshot was read and now.
    made_by
        `maker` of the earlier snapshot.
    same_departments
        Whether the codes of the departments, by whose positions the others name them, are still the same.
    """
    if made_by != maker() or before.get("record") != now.get("record"):
        return frozenset()
    still = {layer for layer in LAYERS if layer in now and before.get(layer) == now[layer]}
    if not same_departments:
        still -= {"rules", "areas", "zones", "components"}
    if before.get("classes") != now.get("classes"):
        still -= {"rules", "zones", "components"}
    if before.get("city") != now.get("city"):
        still -= {"areas"}
    return frozenset(still)
