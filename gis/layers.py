"""The layers that a city is loaded from: one row for each column, read by the loader, the record and the help.

A loaded frame has exactly these columns, in this order, whatever the source file called them.
Missing values: "" for text, NaN for numbers, NaT for instants. Geometry is in the city's metric CRS,
snapped to 1 mm and valid. Instants are UTC. ``valid_from`` missing means "always", ``valid_to`` missing "still".
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column of a layer: its name, kind (text, number, integer, flag, instant, date), duty and meaning."""

    name: str
    kind: str
    meaning: str
    required: bool = False


@dataclass(frozen=True)
class Layer:
    """A layer: key columns that name one thing, its columns, and the geometry types it takes ("" for none)."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    geometry: tuple[str, ...] = ()
    dated: bool = True


def _c(name: str, kind: str, meaning: str, required: bool = False) -> Column:
    return Column(name, kind, meaning, required)


VALID = (
    _c("valid_from", "instant", "when it began to hold; missing: always"),
    _c("valid_to", "instant", "when it ceased to hold (that instant excluded); missing: still holds"),
)
POLYGONS = ("Polygon", "MultiPolygon")
LINES = ("LineString", "MultiLineString")
ANY = ("Point", "MultiPoint", *LINES, *POLYGONS)


def _ground(name: str, what: str, *more: Column, geometry: tuple[str, ...] = ANY) -> Layer:
    return Layer(
        name,
        ("code",),
        (
            _c("code", "text", f"identifier of the {what}; made from the row number when missing"),
            _c("name", "text", "name that people read"),
            _c("kind", "text", "OpenStreetMap-like value: residential, river, rail, apartments …"),
            _c("width_m", "number", "width in metres"),
            *more,
        ),
        geometry,
        dated=False,
    )


LAYERS: dict[str, Layer] = {
    layer.name: layer
    for layer in (
        Layer(
            "areas",
            ("set", "code"),
            (
                _c("set", "text", "area set: district, street, community, police …", True),
                _c("code", "text", "code of the area, unique in its set", True),
                _c("name", "text", "name that people read"),
                _c("parent", "text", "code of the area that holds it, in the next larger set"),
                _c("department", "text", "department that answers for it when nobody else does (属地兜底)"),
                *VALID,
            ),
            POLYGONS,
        ),
        Layer(
            "departments",
            ("code",),
            (
                _c("code", "text", "code of the department", True),
                _c("name", "text", "name that people read", True),
                _c("parent", "text", "code of the department above it"),
                _c("kind", "text", "bureau, centre, street_office, company, enforcement …"),
                _c("phone", "text", "duty telephone"),
                *VALID,
            ),
        ),
        Layer(
            "rules",
            ("class",),
            (
                _c("class", "text", "class or group: 2026:C01001, 2026:C01 (major), 2026:E (kind)", True),
                _c("duty", "text", "whose duty it is: supervising, owning, maintaining or disposing"),
                _c("radius_m", "number", "how far from the reported point its component is looked for, metres"),
                _c("department", "text", "competent department where no zone says otherwise"),
                _c("first", "text", "who is asked first: owner (of the component) or locality (the zones)"),
                _c("name", "text", "name of the class, for cities with classes of their own"),
                _c("invented", "flag", "true when no source stands behind it"),
                _c("note", "text", "source or remark"),
                *VALID,
            ),
        ),
        Layer(
            "units",
            ("code",),
            (
                _c("code", "text", "unit grid code (单元网格)", True),
                _c("name", "text", "name that people read"),
                _c("community", "text", "community code; derived from the unit code where the scheme allows"),
                _c("kind", "text", "block, part (of a larger block), fragment, road"),
                _c("issue", "integer", "issue of the set that brought it; missing or 0: the first"),
                *VALID,
            ),
            POLYGONS,
        ),
        Layer(
            "components",
            ("code",),
            (
                _c("code", "text", "component identifier (部件标识码)", True),
                _c("class", "text", "class code with its edition: 2026:C01001", True),
                _c("name", "text", "name that people read"),
                _c("supervising", "text", "supervising department (主管部门)"),
                _c("owning", "text", "owning department (权属单位)"),
                _c("maintaining", "text", "maintaining department (养护单位)"),
                _c("unit", "text", "unit grid code written in the file; checked against the place"),
                _c("state", "text", "intact, damaged, lost, abandoned, removed"),
                _c("source", "text", "how its place was found: surveyed, topographic, base_map, other"),
                *VALID,
            ),
            ("Point",),
        ),
        Layer(
            "zones",
            ("code",),
            (
                _c("code", "text", "identifier of the responsibility zone", True),
                _c("name", "text", "name that people read"),
                _c("department", "text", "department that is responsible in it", True),
                _c("classes", "text", "what it takes, separated by spaces: *, C, E, 2026:E06, 2026:E06010", True),
                _c("rank", "integer", "explicit order, 1 first; missing: after all ranked ones"),
                _c("width_m", "number", "full width of a line zone in metres"),
                _c("effect", "text", "gives (by default), only: before everything else, never: not to this department"),
                _c("duty", "text", "for which duty: supervising, owning, maintaining, disposing; missing: any"),
                _c("joint", "text", "departments that share the duty, separated by spaces; department leads"),
                _c("side", "text", "both (by default), left or right of a line zone in its drawn direction"),
                _c("from_m", "number", "chainage at which a line zone begins, metres from the line's first point"),
                _c("to_m", "number", "chainage at which it ends"),
                *VALID,
            ),
            (*POLYGONS, *LINES),
        ),
        Layer(
            "rosters",
            ("team", "person"),
            (
                _c("team", "text", "team on duty", True),
                _c("person", "text", "who", True),
                _c("role", "text", "patrol, leader, chief …"),
                _c("department", "text", "department of the team"),
                _c("area_set", "text", "area set of the area they look after"),
                _c("area", "text", "code of the area they look after"),
                _c("phone", "text", "telephone"),
                _c("kind", "text", "what the team is: chief (街长), 1+5, patrol, enforcement …"),
                _c("tier", "integer", "tier of a chief: 1 district, 2 street, 3 community"),
                _c("place_kind", "text", "zone, road or unit: what they look after instead of an area"),
                _c("place", "text", "code of that zone, road or unit"),
                _c("reports_to", "text", "team above; @enforcement: the team of that kind at the case's place"),
                _c("after_hours", "number", "hours after which a case that is not solved goes to the team above"),
                *VALID,
            ),
        ),
        _ground("roads", "road", _c("lanes", "integer", "number of lanes"), geometry=(*LINES, *POLYGONS)),
        _ground("rivers", "river or water", geometry=(*LINES, *POLYGONS)),
        _ground("railways", "railway", geometry=(*LINES, *POLYGONS)),
        _ground("buildings", "building", _c("height_m", "number", "height in metres"), geometry=POLYGONS),
        _ground("parcels", "parcel", geometry=POLYGONS),
        _ground("drains", "drain", geometry=LINES),
        Layer(
            "calendars",
            ("day",),
            (
                _c("day", "date", "calendar day", True),
                _c("working", "flag", "true when the city works on it", True),
                _c("note", "text", "name of the holiday or make-up workday (调休)"),
            ),
            dated=False,
        ),
        Layer(
            "cases",
            ("id",),
            (
                _c("id", "text", "case number of the source system", True),
                _c("class", "text", "class code with its edition, or the city's own class"),
                _c("component", "text", "component code that the report names"),
                _c("no_location", "text", "why its point is empty: missing, wrong_datum; else empty text"),
                _c("accuracy_m", "number", "position error in metres (68 % radius)"),
                _c("channel", "text", "patrol, hotline, wechat, app, video …"),
                _c("reported_at", "instant", "when it was reported", True),
                _c("filed_at", "instant", "when it was filed (立案); missing: not filed"),
                _c("due_at", "instant", "when it is due"),
                _c("closed_at", "instant", "when it was closed (结案)"),
                _c("status", "text", "reported, filed, closed …"),
                _c("department", "text", "final owner as the source system has it"),
                _c("returns", "integer", "how often it was handed back (回退)"),
                _c("address", "text", "where, in words"),
                _c("description", "text", "what, in words"),
            ),
            ("Point",),
            dated=False,
        ),
    )
}
"""Every layer of ``wanmi load``, by name."""
