"""A city's profile: how its own files say what our layers say. One TOML file, read once, checked whole.

::

    [city]                                  # see gis.model.City; crs or srid
    key = "baltimore"
    crs = "EPSG:26985"
    accuracy_m = {Phone = 60, API = 10}     # position error of cases that tell none, by their channel; metres
    ask_below = 0.8                         # an owner less sure than this is asked about first

    [layers.cases]                          # one table for each layer of gis.layers ...
    columns = {id = "SRRecordID"}           # our field = their column
    place = {lon = "Longitude", lat = "Latitude"}
    dates = "%m/%d/%Y %I:%M:%S %p"          # for all date fields, or {reported_at = "…", closed_at = "…"}

    [layers.areas.police]                   # ... or one for each of its sets, chosen by --set
    columns = {code = "dist_name"}

    [grids.town]                            # a grid of the city's own, see gis.crs.local: crs = "town", --crs town
    meridian = 111.25

A set takes over what its layer's table says and adds to it. Keys that we do not know are faults, all reported together.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from gis.layers import LAYERS, Layer
from gis.model import CODE_SCHEMES, City
from grids.errors import InputError

PLACES = ("lon", "lat", "x", "y", "wkt")
"""Fields that say where, beside the columns of a layer: a pair of degrees, a pair of metres or feet, or a WKT text."""

EMPTY: Mapping[str, Any] = MappingProxyType({})


def hint(text: str, known: Iterable[str]) -> str:
    """What would be right instead of ``text``: the nearest of the known words, else all of them."""
    known = [" ".join(word.split())[:60] for word in known]
    folded = {word.casefold(): word for word in reversed(known)}
    near = [folded[word] for word in get_close_matches(text.casefold(), folded, n=3, cutoff=0.6)]
    if near:
        return "did you mean " + " or ".join(near) + "?"
    more = f" and {len(known) - 30} more" if len(known) > 30 else ""
    return "known are " + ", ".join(known[:30]) + more if known else ""


@dataclass(frozen=True)
class Parts:
    """A composite code: the column ``code`` must equal the columns ``of``, joined by ``by``.

    ``mismatch`` says what becomes of a row where it does not: "reject" or "flag" (kept, listed in the notes).
    """

    code: str
    of: tuple[str, ...]
    by: str = ""
    mismatch: str = "reject"


@dataclass(frozen=True)
class Source:
    """How one layer (or one set of it) is found in the city's own file. Every part may be empty.

    Parameters
    ----------
    layer, set
        Layer of `gis.layers`, and the set or variant ("" for none).
    columns
        Our field -> their column.
    constants
        Our field -> value for every row.
    values
        Our field -> {their value: our value}; other values stay as they are.
    replace
        Our field -> ((regular expression, replacement), ...), applied in order after ``values``.
    dates
        Our field -> strptime formats tried in order; "*" for every date field.
    place
        Where: ``{lon, lat}``, ``{x, y}`` or ``{wkt}`` -> their column.
    take, leave
        Their column -> values: rows to take (all others are left out), rows to leave out. Not faults.
    parts
        Composite codes to check, in their column names.
    distinct
        True: rows with the same key are one thing, told many times (departments from a list of cases).
    majority
        With ``distinct``: our fields whose most frequent value of the key counts (ties: the lower text).
    crs, encoding, delimiter, time_zone, table
        Declared by the city where the file does not say; ``table`` is the layer's name inside a GeoPackage.
    edition, kind
        Edition and kind ("C" or "E") of class codes that are written bare.
    grids
        Name -> PROJJSON of the city's own grids, which ``crs`` and ``--crs`` may name.
    """

    layer: str
    set: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    replace: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    dates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    place: Mapping[str, str] = field(default_factory=dict)
    take: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    leave: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parts: tuple[Parts, ...] = ()
    distinct: bool = False
    majority: tuple[str, ...] = ()
    crs: str = ""
    encoding: str = ""
    delimiter: str = ""
    time_zone: str = ""
    table: str = ""
    edition: str = ""
    kind: str = ""
    grids: Mapping[str, str] = field(default_factory=dict)

    def crs_text(self, declared: str | None) -> str:
        """The coordinate system that counts: what a user declares before the profile's, a grid's name as its text."""
        named = declared or self.crs
        return self.grids.get(named, named)

    def with_map(self, mapping: Mapping[str, str]) -> Source:
        """The same with ``mapping`` (field or place -> column) on top; unknown fields are an `InputError`."""
        known = [*field_names(LAYERS[self.layer]), *PLACES]
        for name in mapping:
            if name not in known:
                raise InputError(f"{self.layer} has no field {name!r}", where="--map", right=hint(name, known))
        columns = {k: v for k, v in mapping.items() if k not in PLACES}
        place = {k: v for k, v in mapping.items() if k in PLACES}
        constants = {k: v for k, v in self.constants.items() if k not in columns}
        return dataclasses.replace(
            self, columns={**self.columns, **columns}, constants=constants, place=place or self.place
        )

    def date_formats(self, name: str) -> tuple[str, ...]:
        """Formats for a date field; empty for ISO 8601."""
        return self.dates.get(name, self.dates.get("*", ()))


OPTIONS = tuple(f.name for f in dataclasses.fields(Source) if f.name not in ("layer", "set", "grids"))


@dataclass(frozen=True)
class Profile:
    """A city and how its files are read.

    Parameters
    ----------
    city
        The city of ``[city]``.
    sources
        (layer, set) -> `Source`; the set is "" where a layer has none.
    path
        File it was read from, for messages.
    grids
        Name -> PROJJSON of the city's own grids.
    """

    city: City
    sources: Mapping[tuple[str, str], Source] = field(default_factory=dict)
    path: str = ""
    grids: Mapping[str, str] = field(default_factory=dict)

    def layer(self, name: str, set_: str | None = None) -> Source:
        """How layer ``name`` (and its set) is read; an empty `Source` where the profile says nothing.

        Raises
        ------
        InputError
            The layer has sets and ``set_`` names none, or one that is not there.
        """
        sets = [s for layer, s in self.sources if layer == name and s]
        if set_ and sets and set_ not in sets:
            raise InputError(f"no set {set_!r} of {name}", where=self.path, right=hint(set_, sets))
        if not set_ and len(sets) > 1 and (name, "") not in self.sources:
            right = "--set says which: " + ", ".join(sets)
            raise InputError(f"{name} has {len(sets)} sets", where=self.path, right=right)
        if not set_ and len(sets) == 1 and (name, "") not in self.sources:
            set_ = sets[0]
        found = self.sources.get((name, set_ or "")) or Source(name, set_ or "")
        return dataclasses.replace(found, grids=self.grids) if self.grids else found


def field_names(layer: Layer) -> list[str]:
    """Names of the columns of a layer."""
    return [column.name for column in layer.columns]


def read_profile(path: str | Path) -> Profile:
    """Read and check a profile.

    Parameters
    ----------
    path
        TOML file, UTF-8; or the name of a profile that comes with Wanmi (``baltimore``).

    Raises
    ------
    InputError
        The file cannot be read, is no TOML, or has faults: unknown keys (with the nearest known one), unknown
        layers and fields, a CRS that is not metric, bounds that are none. All faults come in one line.
    """
    path = _found(path)
    try:
        told = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path), right="give a TOML file") from error
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8", where=str(path), right="save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"is no TOML: {error}", where=str(path)) from error
    faults: list[str] = []
    _unknown(told, ("city", "layers", "grids"), "", faults)
    city = _city(told.get("city"), faults)
    sources: dict[tuple[str, str], Source] = {}
    layers = told.get("layers", {})
    if not isinstance(layers, dict):
        faults.append("layers is a table, one for each layer")
        layers = {}
    for name, table in layers.items():
        if name not in LAYERS:
            faults.append(f"no layer {name!r}, {hint(name, LAYERS)}")
        elif not isinstance(table, dict):
            faults.append(f"layers.{name} is a table")
        else:
            _layer(name, table, sources, faults)
    grids = _grids(told.get("grids", {}), faults)
    if faults or city is None:
        raise InputError("; ".join(faults), where=str(path))
    return Profile(city, MappingProxyType(sources), str(path), MappingProxyType(grids))


def shipped() -> dict[str, Path]:
    """The profiles that come with Wanmi, by name."""
    folder = Path(str(resources.files("data"))) / "profiles"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def _found(path: str | Path) -> Path:
    text = str(path)
    if Path(text).exists() or text.endswith(".toml") or "/" in text:
        return Path(text)
    known = shipped()
    if text not in known:
        raise InputError(
            f"there is no profile {text!r}", where="profile", right=f"give a TOML file; {hint(text, known)}"
        )
    return known[text]


def _unknown(table: Mapping[str, Any], known: Iterable[str], where: str, faults: list[str]) -> None:
    known = tuple(known)
    prefix = f"{where}." if where else ""
    faults.extend(f"unknown key {prefix}{key}, {hint(key, known)}" for key in table if key not in known)


def _city(table: Any, faults: list[str]) -> City | None:
    if not isinstance(table, dict):
        faults.append("there is no table [city]")
        return None
    names = [f.name for f in dataclasses.fields(City)]
    _unknown(table, (*names, "crs"), "city", faults)
    start = len(faults)
    for name, kind in (("key", str), ("name", str), ("time_zone", str), ("bounds", list)):
        if not isinstance(table.get(name), kind):
            faults.append(f"city.{name} is missing" if name not in table else f"city.{name} is no {kind.__name__}")
    key, bounds = table.get("key", ""), table.get("bounds", [])
    if "key" in table and isinstance(key, str) and not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", key):
        faults.append(f"city.key {key!r} is not a short lower-case name such as baltimore")
    if isinstance(table.get("time_zone"), str) and not _is_zone(table["time_zone"]):
        faults.append(f"city.time_zone {table['time_zone']!r} is no IANA name such as Asia/Shanghai")
    if isinstance(bounds, list) and "bounds" in table and not _is_box(bounds):
        faults.append(f"city.bounds {bounds} are not west, south, east, north in degrees")
    srid = _srid(table, faults)
    if len(faults) == start:
        _fits(srid, bounds, faults)
    points = table.get("default_points", [])
    if not isinstance(points, list) or not all(_is_numbers(p, 2) for p in points):
        faults.append("city.default_points is a list of [lon, lat]")
    codes, territory = table.get("codes", "free"), table.get("territory", list(City.territory))
    if codes not in CODE_SCHEMES:
        faults.append(f"city.codes {codes!r} is not one of {', '.join(CODE_SCHEMES)}")
    if not isinstance(territory, list) or not all(isinstance(t, str) for t in territory):
        faults.append("city.territory is a list of area sets, smallest first")
    accuracy, below = table.get("accuracy_m", {}), table.get("ask_below", City.ask_below)
    if not isinstance(accuracy, dict) or not all(_is_number(m, 0.0, 1e6) for m in accuracy.values()):
        faults.append("city.accuracy_m is a table: channel = metres, 0 or more")
    if not _is_number(below, 0.0, 1.0):
        faults.append("city.ask_below is a probability, 0 to 1")
    if len(faults) > start:
        return None
    return City(
        key,
        table["name"],
        srid,
        table["time_zone"],
        (float(bounds[0]), float(bounds[1]), float(bounds[2]), float(bounds[3])),
        tuple((float(x), float(y)) for x, y in points),
        codes,
        str(table.get("edition", "2026")),
        tuple(territory),
        tuple(sorted((channel, float(metres)) for channel, metres in accuracy.items())),
        float(below),
    )


def _is_number(value: Any, low: float, high: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _fits(srid: int, bounds: list[float], faults: list[str]) -> None:
    from gis.crs import fit, parse_crs

    try:
        fit(parse_crs(srid), (bounds[0], bounds[1], bounds[2], bounds[3]))
    except InputError as error:
        faults.append(f"city.crs: {error.what}")


def _grids(table: Any, faults: list[str]) -> dict[str, str]:
    """Name -> PROJJSON of the city's own grids."""
    from gis.crs import ALIASES, SHIFTED
    from gis.crs.local import read_grid

    if not isinstance(table, dict) or not all(isinstance(told, dict) for told in table.values()):
        faults.append("grids is a table, one for each grid of the city's own")
        return {}
    out = {}
    for name, told in table.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name):
            faults.append(f"grids.{name}: a grid's name is lower-case letters, digits and _")
            continue
        if name in (*SHIFTED, *ALIASES):
            faults.append(f"grids.{name} is the name of another coordinate system")
            continue
        try:
            out[name] = read_grid(name, told)
        except InputError as error:
            faults.append(str(error))
    return out


def _srid(table: Mapping[str, Any], faults: list[str]) -> int:
    """EPSG code of ``crs`` or ``srid``: a projected CRS in metres."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    if "crs" in table and "srid" in table:
        faults.append("city has both crs and srid; one is enough")
    text = str(table.get("crs", table.get("srid", "")))
    match = re.fullmatch(r"(?:EPSG:)?(\d{4,6})", text, re.IGNORECASE)
    if match is None:
        faults.append(f"city.crs {text!r} is not like EPSG:4546" if text else "city.crs is missing")
        return 0
    try:
        crs = CRS.from_epsg(int(match[1]))
    except CRSError:
        faults.append(f"city.crs: there is no EPSG:{match[1]}")
        return 0
    if not crs.is_projected or any(axis.unit_conversion_factor != 1.0 for axis in crs.axis_info):
        faults.append(f"city.crs EPSG:{match[1]} ({crs.name}) is not a projected CRS in metres")
    return int(match[1])


def _layer(name: str, table: dict[str, Any], sources: dict[tuple[str, str], Source], faults: list[str]) -> None:
    """Read ``[layers.name]`` and its sets into ``sources``."""
    sets = {key: value for key, value in table.items() if key not in OPTIONS and _is_source(value)}
    base = {key: value for key, value in table.items() if key not in sets}
    _unknown(base, OPTIONS, f"layers.{name}", faults)
    base = {key: value for key, value in base.items() if key in OPTIONS}
    if base and not sets:
        sources[name, ""] = _source(name, "", base, faults)
    for key, own in sets.items():
        where = f"layers.{name}.{key}"
        if not re.fullmatch(r"[a-z0-9_]+", key):
            faults.append(f"{where}: a set's name is lower-case letters, digits and _")
        _unknown(own, OPTIONS, where, faults)
        merged = dict(base)
        for option, value in own.items():
            old = merged.get(option)
            merged[option] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
        sources[name, key] = _source(name, key, {k: v for k, v in merged.items() if k in OPTIONS}, faults)


def _source(name: str, set_: str, table: dict[str, Any], faults: list[str]) -> Source:
    """One checked `Source`."""
    layer, where = LAYERS[name], f"layers.{name}" + (f".{set_}" if set_ else "")
    fields = field_names(layer)
    dates = [c.name for c in layer.columns if c.kind in ("instant", "date")]
    out: dict[str, Any] = {}
    for option in ("columns", "constants", "values", "replace", "place", "take", "leave"):
        value = table.get(option, {})
        if not isinstance(value, dict):
            faults.append(f"{where}.{option} is a table")
            continue
        known = PLACES if option == "place" else fields
        if option not in ("take", "leave"):
            _unknown(value, known, f"{where}.{option}", faults)
        out[option] = value
    if set_ and "set" in fields:
        out.setdefault("constants", {})
        out["constants"] = {"set": set_, **out["constants"]}
    for option in ("columns", "place"):
        _texts(out.get(option, {}), f"{where}.{option}", faults)
    for key, pairs in out.get("values", {}).items():
        if not isinstance(pairs, dict):
            faults.append(f"{where}.values.{key} is a table of their value = our value")
    for option in ("take", "leave"):
        told = out.get(option, {})
        out[option] = {k: tuple(str(v) for v in (vs if isinstance(vs, list) else [vs])) for k, vs in told.items()}
    out["replace"] = {
        key: _patterns(pairs, f"{where}.replace.{key}", faults) for key, pairs in out.get("replace", {}).items()
    }
    out["dates"] = _dates(table.get("dates", {}), dates, where, faults)
    out["parts"] = _parts(table.get("parts", []), where, faults)
    for option in ("crs", "encoding", "delimiter", "time_zone", "table", "edition", "kind"):
        value = table.get(option, "")
        if isinstance(value, str):
            out[option] = value
        else:
            faults.append(f"{where}.{option} is text")
    _words(out, where, faults)
    out["distinct"] = table.get("distinct", False)
    if not isinstance(out["distinct"], bool):
        faults.append(f"{where}.distinct is true or false")
    majority = table.get("majority", [])
    out["majority"] = tuple(majority) if isinstance(majority, list) else (majority,)
    _unknown(dict.fromkeys(out["majority"]), fields, f"{where}.majority", faults)
    return Source(name, set_, **out)


def _words(out: dict[str, Any], where: str, faults: list[str]) -> None:
    """Check the options whose value is one word."""
    import codecs

    if out.get("time_zone") and not _is_zone(out["time_zone"]):
        faults.append(f"{where}.time_zone {out['time_zone']!r} is no IANA name such as Asia/Shanghai")
    if out.get("kind", "") not in ("", "C", "E"):
        faults.append(f"{where}.kind {out['kind']!r} is not C (component) or E (event)")
    if out.get("encoding"):
        try:
            codecs.lookup(out["encoding"])
        except LookupError:
            faults.append(f"{where}.encoding {out['encoding']!r} is unknown, known are utf-8, gb18030, latin-1 …")
    if len(out.get("delimiter", "")) > 1:
        faults.append(f"{where}.delimiter {out['delimiter']!r} is not one character")


def _texts(table: Mapping[str, Any], where: str, faults: list[str]) -> None:
    faults.extend(f"{where}.{key} is a column's name" for key, value in table.items() if not isinstance(value, str))


def _dates(told: Any, fields: list[str], where: str, faults: list[str]) -> dict[str, tuple[str, ...]]:
    """Formats by field, "*" for all."""
    if isinstance(told, (str, list)):
        told = {"*": told}
    if not isinstance(told, dict):
        faults.append(f"{where}.dates is a format such as '%d/%m/%Y', or a table of field = format")
        return {}
    _unknown({k: 0 for k in told if k != "*"}, fields, f"{where}.dates", faults)
    out = {key: tuple(v) if isinstance(v, list) else (v,) for key, v in told.items()}
    for key, formats in out.items():
        if not all(isinstance(f, str) and "%" in f for f in formats):
            faults.append(f"{where}.dates.{key} is not a format such as '%d/%m/%Y'")
    return out


def _patterns(pairs: Any, where: str, faults: list[str]) -> tuple[tuple[str, str], ...]:
    out = []
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        try:
            re.compile(pair[0])
            out.append((pair[0], str(pair[1])))
        except (TypeError, IndexError, KeyError, re.error) as error:
            faults.append(f"{where} is a list of [regular expression, replacement] ({error})")
    return tuple(out)


def _parts(told: Any, where: str, faults: list[str]) -> tuple[Parts, ...]:
    out = []
    for item in told if isinstance(told, list) else [told]:
        if not isinstance(item, dict) or not isinstance(item.get("code"), str) or not isinstance(item.get("of"), list):
            faults.append(f"{where}.parts is a list of {{code = column, of = [columns]}}")
            continue
        _unknown(item, [f.name for f in dataclasses.fields(Parts)], f"{where}.parts", faults)
        mismatch = item.get("mismatch", "reject")
        if mismatch not in ("reject", "flag"):
            faults.append(f"{where}.parts.mismatch {mismatch!r} is not reject or flag")
        out.append(Parts(item["code"], tuple(item["of"]), str(item.get("by", "")), mismatch))
    return tuple(out)


def _is_source(value: Any) -> bool:
    """Whether a table speaks of files, not of fields: a misspelt option is no set."""
    return isinstance(value, dict) and (not value or any(key in OPTIONS for key in value))


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _is_numbers(value: Any, n: int) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) == n
        and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in value)
    )


def _is_box(value: Any) -> bool:
    if not _is_numbers(value, 4):
        return False
    west, south, east, north = value
    return -180 <= west < east <= 180 and -90 <= south < north <= 90
