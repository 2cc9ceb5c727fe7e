"""All that a single case is asked of, handed to a kernel by one pointer.

To unpack dozens of arrays takes as long as to answer one case. Only where numba is loaded anyway: a process whose
kernels are read as they are written hands the arrays on themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.experimental import structref

from gis import decide, raster
from gis.snapshot import Snapshot


@structref.register
class GroundType(types.StructRef):
    """Type of `Ground`."""


class Ground(structref.StructRefProxy):  # type: ignore[misc]
    """What `gis.decide.ground` tells of a snapshot, and its area sets, one at least."""

    @classmethod
    def of(cls, snapshot: Snapshot) -> Ground:
        """That of a snapshot."""
        city = snapshot.city
        sets = []
        for name in snapshot.area_sets:
            layer = snapshot.layer(f"areas/{name}")
            department = snapshot.arrays[f"areas/{name}.department"]
            sets.append((layer.raster.arrays, layer.begins, layer.ends, department))
        holds = np.array([name in city.territory for name in snapshot.area_sets])
        return cls(*(_writable(part) for part in (*decide.ground(snapshot), tuple(sets), holds)))


structref.define_proxy(Ground, GroundType, ["units", "zones", "components", "rules", "standing", "sets", "holds"])


def _writable(part: Any) -> Any:
    """The arrays as those of all snapshots are, so that what is compiled for many cases serves one too."""
    if isinstance(part, tuple):
        return tuple(map(_writable, part))
    return part if part.flags.writeable else part.copy()


_cover: Any = raster.cover
_one: Any = decide.one


@njit(cache=True, nogil=True)
def look(ground, x, y, klass, component, instant, error, out):
    """The area of each set and whether on its border, one after the other; then what `gis.decide.one` writes."""
    sets, holds = ground.sets, ground.holds
    held = np.full((len(sets), 1), -1, np.int32)
    n, inside = 0, 0
    for k in range(len(sets)):
        layer, begins, ends, department = sets[k]
        area, edge = _cover(layer, x, y, instant, begins, ends)
        out[2 * k], out[2 * k + 1] = area, edge
        if holds[k]:
            if area >= 0:
                held[n, 0] = department[area]
                inside += 1
            n += 1
    _one(
        x, y, klass, component, instant, error, inside > 0, held[:n],
        ground.units, ground.zones, ground.components, ground.rules, ground.standing, out[2 * len(sets):],
    )  # fmt: skip
