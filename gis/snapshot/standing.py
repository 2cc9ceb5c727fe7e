"""Who stands for a department that is not there at an instant: its nearest ancestor that is."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grids.errors import InputError

ALWAYS, FOREVER = np.iinfo(np.int64).min, np.iinfo(np.int64).max


def standing(
    codes: pd.Index,
    code: NDArray[np.intp],
    parent: NDArray[np.intp],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Who stands for each department from each instant on at which that may change.

    A department that is valid stands for itself. One that is not is stood for by its parent, or whoever stands for
    that; its parent is that of the version that began last, or of the first when none has begun.

    Parameters
    ----------
    codes
        Codes of the departments.
    code, parent
        Department of each version and the one above it, -1 for none, shape (n,); versions of one stand together, in
        order of time.
    begins, ends
        Validity of each version, shape (n,), [begins, ends) in microseconds.

    Returns
    -------
    since : int64, shape (e,)
        Instants, the first `ALWAYS`.
    stands : int32, shape (e, departments + 1)
        Who stands, -1 for nobody; the last column is of nobody, so that -1 may be looked up.

    Raises
    ------
    InputError
        When a department is above itself.
    """
    since = np.unique(np.concatenate([[ALWAYS], begins, ends[ends < FOREVER]])).astype(np.int64)
    n = len(codes)
    out = np.full((len(since), n + 1), -1, dtype=np.int32)
    first = np.searchsorted(code, np.arange(n))
    for e, instant in enumerate(since):
        begun = np.bincount(code, weights=begins <= instant, minlength=n).astype(np.intp)
        at = first + np.maximum(begun - 1, 0)
        there = (begins[at] <= instant) & (instant < ends[at])
        above = parent[at]
        _refuse_rings(codes, above, there)
        who = np.arange(n)
        for _ in range(n):
            gone = (who >= 0) & ~there[who]
            if not gone.any():
                break
            who[gone] = above[who[gone]]
        who[(who >= 0) & ~there[who]] = -1  # those that are gone refer to each other
        out[e, :n] = who
    return since, out


def _refuse_rings(codes: pd.Index, above: NDArray[np.intp], there: NDArray[np.bool_]) -> None:
    held = np.where(there & there[above] & (above >= 0), above, -1)
    climb = held.copy()
    for _ in range(len(held)):
        if (climb < 0).all():
            return
        climb[climb >= 0] = held[climb[climb >= 0]]
    if (climb >= 0).any():
        ring = [int(climb.max())]
        while held[ring[-1]] != ring[0]:
            ring.append(int(held[ring[-1]]))
        below = min(range(len(ring)), key=lambda k: str(codes[ring[k]]))
        names = [str(codes[k]) for k in ring[below:] + ring[:below]]
        raise InputError(
            f"department {names[0]} would be above itself: {' below '.join([*names, names[0]])}",
            where="departments",
            right="give one of them a parent that is not below it, or none",
        )
