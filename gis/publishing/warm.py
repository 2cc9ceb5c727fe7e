"""Use the compiled kernel of this room once, so that the compile cache holds it."""

from __future__ import annotations

import numpy as np

from gis.publishing.decide import areas_of_quarter
from gis.publishing.menu import Tree


def warm_publishing() -> None:
    """A quarter of two areas."""
    pair = Tree(np.array([-1, 0, 0]))
    areas_of_quarter(np.arange(12).reshape(2, 2, 3), pair, pair, k=5)
