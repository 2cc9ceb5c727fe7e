"""What a compiled index is, and how the functions are made that look things up in one.

An index is named arrays, saved and mapped as they are, handed to the kernels in one order. A kernel is a plain function
on numbers and arrays, which numba compiles when it is first called. To import numba and to load what it compiled
before takes a second: a process that asks once has its kernels read as they are written, within `as_written`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import fields
from functools import cache, cached_property, update_wrapper
from typing import Any

import numpy as np
from numpy.typing import NDArray

_AS_WRITTEN: ContextVar[bool] = ContextVar("as_written", default=False)


class Kernel:
    """A function on numbers and arrays, for Python and for other kernels to call.

    Parameters
    ----------
    function
        What numba can compile.
    plain
        Whether Python computes the same from it, to the bit; another is compiled always.
    options
        Of ``numba.njit``.
    """

    def __init__(self, function: Callable[..., Any], *, plain: bool = True, **options: Any) -> None:
        update_wrapper(self, function)
        self.py_func, self._plain, self._options = function, plain, options

    def __call__(self, *values: Any) -> Any:
        """What the function returns."""
        if not _AS_WRITTEN.get():
            return self.compiled(*values)
        if self._plain:
            # where Python refuses (a division by zero, the root of -1), numba makes an infinity or no number
            with contextlib.suppress(ArithmeticError, ValueError):
                return self.py_func(*map(_plain, values))
        return self.compiled(*map(_bare, values))

    @cached_property
    def compiled(self) -> Any:
        """The function as numba compiles it."""
        from numba import njit

        return njit(**self._options)(self.py_func)

    @property
    def targetoptions(self) -> dict[str, Any]:
        """How it is compiled, for numba, which asks this of what is to stand inline."""
        return self.compiled.targetoptions

    @property
    def _numba_type_(self) -> Any:
        return self.compiled._numba_type_


def kernel(function: Callable[..., Any] | None = None, *, plain: bool = True, **options: Any) -> Any:
    """Decorate a `Kernel`; what it compiles is kept on disk, and runs without holding up other threads."""
    told = {"cache": True, "nogil": True} | options
    if function is None:
        return lambda function: Kernel(function, plain=plain, **told)
    return Kernel(function, plain=plain, **told)


def lookup(function: Callable[..., Any]) -> Any:
    """Decorate a `Kernel` that only reads and writes the arrays it is given.

    Without references to count: a look-up hands on dozens of arrays, and counting them took a third of its time.
    """
    return kernel(function, _nrt=False)


@contextlib.contextmanager
def as_written() -> Iterator[None]:
    """Have the kernels read as they are written, by Python: for a process that asks so little that numba costs more.

    What they answer is the same. It holds for the thread that asks, until the context ends.
    """
    before = _AS_WRITTEN.set(True)
    try:
        yield
    finally:
        _AS_WRITTEN.reset(before)


def are_as_written() -> bool:
    """Whether this thread has its kernels read as they are written."""
    return _AS_WRITTEN.get()


class _Plain:
    """An array whose items are Python's numbers, so that nothing is too large for its type."""

    __slots__ = ("array",)

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, at: Any) -> Any:
        found = self.array[at]
        return _Plain(found) if isinstance(found, np.ndarray) else found.item()

    def __setitem__(self, at: Any, value: Any) -> None:
        self.array[at] = value.array if isinstance(value, _Plain) else value


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _Plain(value)
    if isinstance(value, np.generic):
        return value.item()
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


def _bare(value: Any) -> Any:
    if isinstance(value, _Plain):
        return value.array
    return tuple(map(_bare, value)) if isinstance(value, tuple) else value


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
