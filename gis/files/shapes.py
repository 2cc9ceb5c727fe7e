"""Geometry that a layer can hold: of its types, valid, on the 1 mm grid. A mend is told; an unclear one is not made."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.exact import millimetres, snap
from gis.files.faults import Faults
from gis.files.place import Where
from gis.layers import Layer
from grids.errors import InputError

TYPES = (
    "Point",
    "LineString",
    "LinearRing",
    "Polygon",
    "MultiPoint",
    "MultiLineString",
    "MultiPolygon",
    "GeometryCollection",
)
POLYGONS = (3, 6)
PLAIN = {"Point": "points", "LineString": "lines", "Polygon": "polygons"}


def fit_types(
    shapes: NDArray[np.object_], layer: Layer, where: Where, faults: Faults, name: str
) -> NDArray[np.object_]:
    """Geometries of the types that the layer takes; collections of one part are opened.

    Raises
    ------
    InputError
        Not one geometry is of a type that the layer takes: the wrong layer or the wrong file.
    """
    shapes = _opened(shapes)
    kinds = shapely.get_type_id(shapes)
    there = kinds >= 0
    taken = np.isin(kinds, [TYPES.index(kind) for kind in layer.geometry])
    counts = np.bincount(kinds[there], minlength=len(TYPES))

    def misfit(*_: int) -> InputError:
        has = ", ".join(f"{n:,} {TYPES[i]}{'s' if n > 1 else ''}" for i, n in enumerate(counts.tolist()) if n)
        takes = " and ".join(PLAIN[kind] for kind in layer.geometry if kind in PLAIN)
        return InputError(f"has {has}", where=name, right=f"{layer.name} takes {takes}; is it the right layer?")

    faults.of_file("types", int((there & ~taken).sum()), int((there & taken).sum()), misfit)
    mixed = np.unique(np.array([*TYPES, ""], dtype=object)[kinds[there]].astype(str), return_counts=True)
    if len({name.removeprefix("Multi") for name in mixed[0]}) > 1:
        faults.note("geometry is mixed: " + ", ".join(f"{n:,} {name}" for name, n in zip(*mixed, strict=True)))
    wrong = there & ~taken
    said = np.array([*TYPES, ""], dtype=object)[kinds]
    faults.add(wrong, where.column, said, f"{layer.name} takes {', '.join(layer.geometry)}")
    shapes[wrong] = None
    return shapes


def _opened(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Multi points and collections of one part as that part; rings as lines; empty ones as None."""
    shapes = shapes.copy()
    shapes[shapely.is_empty(shapes)] = None
    kinds = shapely.get_type_id(shapes)
    single = np.isin(kinds, (4, 7)) & (shapely.get_num_geometries(shapes) == 1)
    shapes[single] = shapely.get_geometry(shapes[single], 0)
    ring = kinds == 2
    if ring.any():
        shapes[ring] = shapely.linestrings(*_ragged(shapes[ring]))
    return shapes


def _ragged(shapes: NDArray[np.object_]) -> tuple[NDArray, NDArray]:
    return shapely.get_coordinates(shapes, return_index=True)


def mend(shapes: NDArray[np.object_], where: Where, faults: Faults) -> NDArray[np.object_]:
    """Mend invalid polygons where there is only one way, and snap all geometries to 1 mm.

    A mend is unambiguous when the two ways of mending (rings as shells and holes; lines as they cut the plane) and the
    polygon as it is drawn have the same area, to 0.1 m² and a millionth. A figure of eight has not: it is a fault.
    Points and lines that fall off the polygon in the mending are left out.

    Parameters
    ----------
    shapes
        Metric CRS, None where missing or at fault, shape (n,).

    Returns
    -------
    ndarray of geometry, shape (n,)
        Valid, on the grid; None where missing or at fault.
    """
    out = shapes.copy()
    polygon = np.isin(shapely.get_type_id(out), POLYGONS)
    invalid = np.flatnonzero(polygon & ~shapely.is_valid(out))
    if len(invalid):
        drawn = out[invalid]
        one = _areal(shapely.make_valid(drawn, method="structure", keep_collapsed=False))
        other = _areal(shapely.make_valid(drawn, method="linework"))
        area, room = shapely.area(one), 0.1 + 1e-6 * shapely.area(one)
        clear = (
            (np.abs(area - shapely.area(other)) <= room)
            & (np.abs(area - shapely.area(drawn)) <= room)
            & ~shapely.is_empty(one)
        )
        why = shapely.is_valid_reason(drawn[~clear])
        why = np.array(
            [f"is an invalid polygon that can be mended in several ways: {text}" for text in why], dtype=object
        )
        faults.add(invalid[~clear], where.column, np.array(["polygon"] * (~clear).sum(), dtype=object), why)
        out[invalid] = one
        out[invalid[~clear]] = None
        if clear.any():
            faults.note(f"{clear.sum():,} invalid polygons mended without a change of area", invalid[clear])
    there = ~shapely.is_missing(out)
    spot = shapely.get_type_id(out) == 0
    # points by the rule of the engine, a half to the even neighbour: a file answers as a request does
    out[spot] = shapely.set_coordinates(out[spot], millimetres(shapely.get_coordinates(out[spot])) / 1000.0)
    out[there & ~spot] = snap(out[there & ~spot])
    gone = there & shapely.is_empty(out)
    faults.add(gone, where.column, "", "is smaller than a millimetre")
    out[gone] = None
    return out


def _areal(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """The polygon parts of what a mend gives."""
    shapes = np.atleast_1d(shapes).copy()
    mixed = np.flatnonzero(shapely.get_type_id(shapes) == 7)
    for i in mixed:  # a handful: only what a mend left in pieces
        parts = shapely.get_parts(shapely.get_parts(shapes[i]))
        shapes[i] = shapely.multipolygons(parts[shapely.get_type_id(parts) == 3])
    flat = ~np.isin(shapely.get_type_id(shapes), POLYGONS)
    shapes[flat] = shapely.Polygon()
    return shapes
