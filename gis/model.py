"""The words of the ground: city, rules of an answer, reasons for having none."""

from __future__ import annotations

from dataclasses import dataclass

RULES = (
    "unowned",
    "component_named",
    "component_nearest",
    "zone_line",
    "zone_area",
    "territory",
    "no_location",
    "outside",
)
"""Names of the rules of an answer; arrays hold positions in this tuple (int8)."""

REASONS = ("", "missing", "default_point", "wrong_datum")
"""Why a case has no location; arrays hold positions in this tuple (int8), 0 for none."""

DUTIES = ("supervising", "owning", "maintaining", "disposing")
"""Kinds of duty of a department (主管, 权属, 养护, 处置); arrays hold positions in this tuple (int8), -1 for any."""

COMPONENT_DUTIES = DUTIES[:3]
"""Those for which a component names a department; for disposing its maintaining one is asked first."""

EFFECTS = ("gives", "only", "never")
"""What a zone does with the cases it takes; arrays hold positions in this tuple (int8).

``gives`` them to its department, gives them to it before everything else, or keeps its department from them.
"""

SIDES = ("both", "left", "right")
"""Of which side of its line, in the drawn direction, a line zone is the ground."""

FIRSTS = ("owner", "locality")
"""Who is asked first for a class: the components' owners, or the zones; arrays hold positions in this tuple (int8)."""

CODE_SCHEMES = ("china15", "china14", "free")
"""How unit grids are coded: 12-digit community + 3 or 2 digit serial, or free text."""


@dataclass(frozen=True)
class City:
    """A city: what every answer about it needs to know.

    Parameters
    ----------
    key
        Short lower-case name, also the name of its database in the private PostGIS (``demo``).
    name
        Name that people read (盐湖区).
    srid
        EPSG code of the metric CRS in which its coordinates are stored.
    time_zone
        IANA name (``Asia/Shanghai``); local times at the doors are read in it.
    bounds
        West, south, east, north in degrees (WGS 84): nothing of the city lies beyond.
    default_points
        (lon, lat) that its source systems write when they know no place; a case within a metre of one
        has no location.
    codes
        One of `CODE_SCHEMES`.
    edition
        Class edition that a bare class code takes (``2026``), or the city's own (``baltimore``).
    territory
        Area sets in the order of fallback (属地兜底), smallest first: community, street, district.
    accuracy_m
        (channel, metres): position error (68 % radius) of the cases of a channel that tell none.
    ask_below
        An owner whose probability is below this is asked about before the case is sent.
    """

    key: str
    name: str
    srid: int
    time_zone: str
    bounds: tuple[float, float, float, float]
    default_points: tuple[tuple[float, float], ...] = ()
    codes: str = "free"
    edition: str = "2026"
    territory: tuple[str, ...] = ("community", "street", "district")
    accuracy_m: tuple[tuple[str, float], ...] = ()
    ask_below: float = 0.8

    def error_of(self, channel: str) -> float:
        """Position error in metres of a channel's cases that tell none; -1 where none is known."""
        return dict(self.accuracy_m).get(channel, -1.0)
