"""A sound layer of units, for faults to be planted in."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry import Polygon

N = 30
"""Side of the lattice: 900 units, 25 communities."""


def spread(step=3, *, inner=True):
    """Positions of units that do not touch each other; the inner ones do not touch the city's edge."""
    at = np.arange(1 if inner else 0, N - 1, step)
    return (at[:, None] * N + at[None, :]).ravel()


def changed(units, at, shapes):
    """The layer with some shapes replaced."""
    out = units.geometry.to_numpy().copy()
    out[at] = shapes
    return units.set_geometry(gpd.GeoSeries(out, index=units.index, crs=units.crs))


def rounded(shapes):
    """On the millimetre grid."""
    return shapely.transform(np.asarray(shapes, object), lambda xy: np.round(xy, 3))


def faults(certificate, kind):
    """Those of a kind."""
    return certificate.faults[certificate.faults["kind"] == kind]


def shifted_corner(units, at, by):
    """Units whose first corner is moved."""
    rings = [shapely.get_coordinates(shape)[:-1].copy() for shape in units.geometry.to_numpy()[at]]
    for ring, step in zip(rings, by, strict=True):
        ring[0] += step
    return rounded([Polygon(ring) for ring in rings])
