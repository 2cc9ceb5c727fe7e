"""One case, asked of a snapshot: in which areas it lies, and all that `gis.decide` says of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gis import decide
from gis.compiled import are_as_written
from gis.raster import cover
from gis.snapshot import Snapshot


def looking(snapshot: Snapshot) -> Callable[..., None]:
    """How a snapshot is asked about one case.

    Returns
    -------
    callable
        Takes x, y (mm), class, named component, instant, position error (mm) and an int64 array; to this it writes the
        area of each set and whether the place is on its border, one after the other, then what `gis.decide.one` writes.
    """
    if snapshot.area_sets and not are_as_written():
        from gis import pointed

        return partial(pointed.look, pointed.Ground.of(snapshot))
    ground, sets = decide.ground(snapshot), []
    for name in snapshot.area_sets:
        layer, department = snapshot.layer(f"areas/{name}"), snapshot.arrays[f"areas/{name}.department"]
        sets.append(((layer.raster.arrays, layer.begins, layer.ends), department, name in snapshot.city.territory))

    def look(x: int, y: int, klass: int, component: int, instant: int, error: int, out: NDArray[np.int64]) -> None:
        held = []
        for at, ((raster, begins, ends), department, holds) in enumerate(sets):
            area, edge = cover(raster, x, y, instant, begins, ends)
            out[2 * at : 2 * at + 2] = area, edge
            if holds:
                held.append(department[area] if area >= 0 else None)
        inside = any(one is not None for one in held)
        departments = np.array([[-1 if one is None else one] for one in held], dtype=np.int32).reshape(-1, 1)
        decide.one(x, y, klass, component, instant, error, inside, departments, *ground, out[2 * len(sets) :])

    return look
