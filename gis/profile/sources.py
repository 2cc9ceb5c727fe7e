"""``[layers]`` of a profile, checked."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from gis.layers import LAYERS
from gis.profile.model import OPTIONS, PLACES, Parts, Source, field_names, is_zone, unknown


def read_sources(name: str, table: dict[str, Any], sources: dict[tuple[str, str], Source], faults: list[str]) -> None:
    """Read ``[layers.name]`` and its sets into ``sources``."""
    sets = {key: value for key, value in table.items() if key not in OPTIONS and _is_source(value)}
    base = {key: value for key, value in table.items() if key not in sets}
    unknown(base, OPTIONS, f"layers.{name}", faults)
    base = {key: value for key, value in base.items() if key in OPTIONS}
    if base and not sets:
        sources[name, ""] = _source(name, "", base, faults)
    for key, own in sets.items():
        where = f"layers.{name}.{key}"
        if not re.fullmatch(r"[a-z0-9_]+", key):
            faults.append(f"{where}: a set's name is lower-case letters, digits and _")
        unknown(own, OPTIONS, where, faults)
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
            unknown(value, known, f"{where}.{option}", faults)
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
    unknown(dict.fromkeys(out["majority"]), fields, f"{where}.majority", faults)
    return Source(name, set_, **out)


def _words(out: dict[str, Any], where: str, faults: list[str]) -> None:
    """Check the options whose value is one word."""
    import codecs

    if out.get("time_zone") and not is_zone(out["time_zone"]):
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
    unknown({k: 0 for k in told if k != "*"}, fields, f"{where}.dates", faults)
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
        unknown(item, [f.name for f in dataclasses.fields(Parts)], f"{where}.parts", faults)
        mismatch = item.get("mismatch", "reject")
        if mismatch not in ("reject", "flag"):
            faults.append(f"{where}.parts.mismatch {mismatch!r} is not reject or flag")
        out.append(Parts(item["code"], tuple(item["of"]), str(item.get("by", "")), mismatch))
    return tuple(out)


def _is_source(value: Any) -> bool:
    """Whether a table speaks of files, not of fields: a misspelt option is no set."""
    return isinstance(value, dict) and (not value or any(key in OPTIONS for key in value))
