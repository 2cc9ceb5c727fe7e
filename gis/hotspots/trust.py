"""Whether a p from the normal curve can be trusted, and where not, p by permutation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from gis.hotspots.discovery import LEVEL
from grids.errors import InputError

WAYS = ("auto", "analytic", "permutation")
MOST_OFF = 0.5
"""The normal tail is trusted while it errs by less than this share where it decides."""


@dataclass(frozen=True)
class Evidence:
    """How p came about.

    Parameters
    ----------
    by
        ``analytic`` (normal approximation) or ``permutation``.
    why
        In words, with the figure that decided.
    runs
        Most runs that a cell took; 0 for analytic p.
    seed
        What the runs were made from.
    """

    by: str
    why: str
    runs: int = 0
    seed: int = 0


def tail_error(x: NDArray[np.float64], sizes: NDArray[np.float64]) -> float:
    """By what share the normal tail errs for sums of neighbourhoods, where it decides over a discovery.

    The first term of the Edgeworth series: ``g z³ / 6`` with the skewness ``g = skew(x) / sqrt(size)`` of a sum of
    values, and z the normal quantile at which one cell of n stands out on its own at the level `LEVEL`. Few cases a
    cell make a skewed count (a Poisson count of mean m has skewness ``m ** -0.5``), and so do a few large values.

    Parameters
    ----------
    x
        Values, shape (n,).
    sizes
        Effective count of values in each neighbourhood, shape (n,); the smallest twentieth decides.
    """
    spread = x.std()
    if not spread > 0:
        return 0.0
    d = x - x.mean()
    skew = abs(float((d * d * d).mean() / spread**3))
    size = max(float(np.quantile(sizes, 0.05)), 1.0)
    z = -float(special.ndtri(LEVEL / (2 * len(x))))
    return skew / np.sqrt(size) * z**3 / 6


def choose(way: str, x: NDArray[np.float64], sizes: NDArray[np.float64]) -> tuple[bool, str]:
    """Whether to permute, and why.

    Raises
    ------
    InputError
        A way that is none of `WAYS`.
    """
    if way not in WAYS:
        raise InputError(f"{way!r}", where="p", right="one of " + ", ".join(WAYS))
    off = tail_error(x, sizes)
    says = f"the normal tail is off by about {off:.0%} where it decides (most {MOST_OFF:.0%})"
    if way == "auto":
        return off > MOST_OFF, says
    return way == "permutation", f"as asked; {says}"
