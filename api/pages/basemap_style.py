"""How the base map looks: colours by day and by night, widths of roads by class and zoom, first zooms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import ImageColor

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Look:
    """Colours of a theme; a road class has fill and casing, and the colour of its thin line seen from afar."""

    land: str
    beyond: str
    water: str
    shore: str
    building: str
    building_edge: str
    building_shade: str
    tall: str
    green: str
    wood: str
    parcels: Mapping[str, str]
    roads: Mapping[str, tuple[str, str, str]]
    rail: str
    rail_gap: str
    borders: tuple[str, str, str]
    glow: str


_GREEN = ("park", "green", "garden", "grass", "greenway", "pitch", "recreation_ground", "meadow", "cemetery")
_WOOD = ("forest", "wood", "scrub", "orchard")


def _parcels(green: str, wood: str, **others: str) -> dict[str, str]:
    return dict.fromkeys(_GREEN, green) | dict.fromkeys(_WOOD, wood) | others


LIGHT = Look(
    land="#f6f4ef",
    beyond="#eeece6",
    water="#b4d8ea",
    shore="#8fc0d8",
    building="#e8e3da",
    building_edge="#cfc7ba",
    building_shade="#d6cec0",
    tall="#e6dfd8",
    green="#cfe6bd",
    wood="#bcdcaa",
    parcels=_parcels(
        "#cfe6bd", "#bcdcaa", industrial="#ebe8ef", school="#f4ecd4", hospital="#f8e3e1", commercial="#f8eddf",
        market="#f8eddf", retail="#f8eddf", office="#f3eee9", government="#efeaf2", square="#f3eee0", plaza="#f3eee0",
        construction="#ece6dc", railway="#e7e5e8", station="#e7e5e8", university="#f4ecd4", farmland="#f0efdc",
    ),
    roads={
        "motorway": ("#f8b765", "#cf8432", "#efa24c"),
        "trunk": ("#fccf80", "#d9a347", "#f3b95c"),
        "primary": ("#fde6a8", "#dcb963", "#f5d080"),
        "secondary": ("#fff6d8", "#d8c894", "#e6d7a4"),
        "tertiary": ("#ffffff", "#d0c9bc", "#ddd7cb"),
        "residential": ("#ffffff", "#d8d2c7", "#e2ddd3"),
        "service": ("#ffffff", "#e0dbd1", "#e6e2d9"),
        "path": ("#fdfbf7", "#cfc6b6", "#d8d0c2"),
    },
    rail="#8b8a90",
    rail_gap="#ffffff",
    borders=("#b3a0c0", "#927aa5", "#7a5f92"),
    glow="#b99ccd",
)  # fmt: skip
DARK = Look(
    land="#25232b",
    beyond="#1c1a21",
    water="#16324a",
    shore="#24506e",
    building="#322f3a",
    building_edge="#443f4c",
    building_shade="#131217",
    tall="#36323e",
    green="#223a2c",
    wood="#1e3428",
    parcels=_parcels(
        "#223a2c", "#1e3428", industrial="#2b2935", school="#302c29", hospital="#372a2c", commercial="#2f2a2c",
        market="#2f2a2c", retail="#2f2a2c", office="#2b2930", government="#2d2834", square="#2b2930", plaza="#2b2930",
        construction="#2a2727", railway="#2b2930", station="#2b2930", university="#302c29", farmland="#2a2b24",
    ),
    roads={
        "motorway": ("#a8743a", "#17151b", "#9c6b35"),
        "trunk": ("#8f6f3c", "#17151b", "#836536"),
        "primary": ("#77653f", "#17151b", "#6c5b3a"),
        "secondary": ("#5f574a", "#17151b", "#544d43"),
        "tertiary": ("#565060", "#1a181e", "#504a5a"),
        "residential": ("#494551", "#1a181e", "#413d48"),
        "service": ("#3a3641", "#191720", "#36323c"),
        "path": ("#46414d", "#191720", "#3d3943"),
    },
    rail="#77747d",
    rail_gap="#201e25",
    borders=("#6d5b7c", "#8b739f", "#a98cc2"),
    glow="#8261a0",
)  # fmt: skip
LOOKS = {"light": LIGHT, "dark": DARK}

ORDER = ("path", "service", "residential", "tertiary", "secondary", "primary", "trunk", "motorway")
"""Classes of roads, the lesser first: so they are drawn."""
SAME = {
    "unclassified": "residential", "living_street": "residential", "road": "residential", "busway": "residential",
    "footway": "path", "pedestrian": "path", "cycleway": "path", "steps": "path", "track": "path", "alley": "service",
}  # fmt: skip
"""Other words for a class; ``…_link`` is the class it links to, and what is not known a residential road."""
FIRST_ZOOM = {
    "motorway": 0, "trunk": 0, "primary": 0, "secondary": 10, "tertiary": 12, "residential": 13, "service": 15,
    "path": 16,
}  # fmt: skip
_WIDTHS = {
    "motorway": {8: 1.2, 10: 1.9, 12: 3.0, 14: 6.0, 16: 14.0, 18: 34.0},
    "trunk": {8: 1.0, 10: 1.6, 12: 2.8, 14: 5.6, 16: 14.0, 18: 36.0},
    "primary": {8: 0.7, 10: 1.2, 12: 2.2, 14: 4.6, 16: 12.0, 18: 30.0},
    "secondary": {10: 0.7, 12: 1.3, 14: 3.4, 16: 9.5, 18: 24.0},
    "tertiary": {12: 0.7, 14: 2.2, 16: 6.5, 18: 18.0},
    "residential": {13: 0.6, 14: 1.2, 16: 4.4, 18: 13.0},
    "service": {15: 0.8, 16: 1.8, 18: 7.0},
    "path": {16: 0.9, 18: 2.2},
}
"""Width in map pixels by zoom; between them it grows by the same factor."""
CARRIAGEWAY = 0.7
"""Share of a road's width between the buildings that is drawn as road."""
TRUE_ZOOM = 16
"""From here on a road is as wide as it is, within bounds of its class."""
CASING_ZOOM = {"motorway": 11, "trunk": 11, "primary": 12, "secondary": 13}
"""Zoom from which a class has a casing; lesser ones from 13.5 on."""


def road_class(kind: str) -> str:
    """The class that a kind of road is drawn as.

    Examples
    --------
    >>> road_class("trunk_link"), road_class("unclassified"), road_class("corridor")
    ('trunk', 'residential', 'residential')
    """
    kind = str(kind).removesuffix("_link")
    return kind if kind in _WIDTHS else SAME.get(kind, "residential")


def width_px(road: str, zoom: int) -> float:
    """Width of a class of road at a zoom, map pixels.

    Examples
    --------
    >>> width_px("primary", 14), round(width_px("primary", 15), 1)
    (4.6, 7.4)
    """
    table = _WIDTHS[road]
    return float(np.exp(np.interp(zoom, list(table), np.log(list(table.values())))))


@cache
def rgb(colour: str) -> Colour:
    """Red, green, blue of a colour."""
    return ImageColor.getrgb(colour)[:3]  # type: ignore[return-value]
