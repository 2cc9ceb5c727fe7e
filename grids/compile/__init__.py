"""The unit-grid compiler: communities and barriers in, unit grids (单元网格) of about 10,000 m² out."""

from __future__ import annotations

from grids.compile.units import build_units

__all__ = ["build_units"]
