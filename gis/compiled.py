"""What a compiled index is: named arrays, saved and mapped as they are, handed to the kernels in one order."""

from __future__ import annotations

from dataclasses import fields
from functools import cache, cached_property
from typing import Any

from numba import njit
from numpy.typing import NDArray

_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}
lookup: Any = njit(**_OPTIONS)
"""Compile a function that only reads and writes the arrays it is given.

Without references to count: a look-up hands on dozens of arrays, and counting them took a third of its time.
"""


class Compiled:
    """Base of frozen dataclasses whose fields are all arrays."""

    @classmethod
    @cache
    def names(cls) -> tuple[str, ...]:
        """Names of the arrays, in the order in which the kernels take them."""
        return tuple(f.name for f in fields(cls))  # type: ignore[arg-type]

    @cached_property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """The arrays, in that order."""
        return tuple(getattr(self, name) for name in self.names())
