"""The record of a city into the arrays of a snapshot, stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import exact, grouped, nearest, raster, zones
from gis.model import COMPONENT_DUTIES, DUTIES, EFFECTS, FIRSTS, City
from gis.snapshot.reuse import NOTHING, Base, geometry_digest
from gis.snapshot.standing import standing
from grids.catalog import Catalog, catalog
from grids.errors import InputError

ALWAYS, FOREVER = np.iinfo(np.int64).min, np.iinfo(np.int64).max
DEFAULT_RADIUS_M = 20.0
"""How far a component is looked for when its class has no rule; a choice of ours, no standard gives one."""
UNRANKED = 2**31 - 1


def compile_arrays(
    city: City,
    frames: Mapping[str, pd.DataFrame],
    progress: Callable[[str], None] | None = None,
    base: Base = NOTHING,
) -> tuple[dict[str, NDArray], dict[str, str]]:
    """Arrays of a snapshot by name, and the digest of the shapes of each raster.

    See `gis.snapshot.Snapshot.compile` for what goes in. What ``base`` knows to be the same is taken from it.
    """
    tell = progress or (lambda _: None)
    inputs: dict[str, str] = {}
    classes = frames.get("classes")
    book = catalog() if classes is None or not len(classes) else Catalog(classes, catalog().crosswalk)
    arrays: dict[str, NDArray] = {}
    tell("departments and rules")
    known = _departments(arrays, _frame(frames, "departments"))
    _classes(arrays, book)
    if not _kept(arrays, inputs, base, "rules"):
        _rules(arrays, _frame(frames, "rules"), book, known)
    tell("areas")
    if not _kept(arrays, inputs, base, "areas"):
        areas = _frame(frames, "areas")
        sets = sorted(set(areas["set"])) if len(areas) else []
        ordered = [s for s in city.territory if s in sets] + [s for s in sets if s not in city.territory]
        arrays["area_sets"] = _text(ordered)
        for name in ordered:
            rows = _sorted(areas[areas["set"] == name], ["code"])
            _layer(arrays, inputs, base, f"areas/{name}", rows, ("code", "name", "parent"))
            arrays[f"areas/{name}.department"] = known(rows["department"])
    tell("units")
    if not _kept(arrays, inputs, base, "units"):
        rows = _sorted(_frame(frames, "units"), ["code"])
        _layer(arrays, inputs, base, "units", rows, ("code", "community"))
    tell("zones")
    if not _kept(arrays, inputs, base, "zones"):
        _zones(arrays, inputs, base, _frame(frames, "zones"), book, known)
    tell("components")
    if not _kept(arrays, inputs, base, "components"):
        _components(arrays, _frame(frames, "components"), book, known)
    # what a frame lends is not to be written to, and kernels would be compiled for that once more
    return {name: a if a.flags.writeable else a.copy() for name, a in arrays.items()}, inputs


def microseconds(values: Any, missing: int) -> NDArray[np.int64]:
    """Instants as microseconds since 1970 UTC, int64; ``missing`` for NaT."""
    stamps = pd.to_datetime(pd.Series(values), utc=True).dt.as_unit("us")
    return np.where(stamps.isna(), missing, stamps.astype("int64")).astype(np.int64)


def _frame(frames: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    from gis.layers import LAYERS

    frame = frames.get(name)
    if frame is not None and len(frame):
        return frame
    layer = LAYERS[name]
    columns = {c.name: pd.Series(dtype=object) for c in layer.columns}
    return pd.DataFrame({**columns, **({"geometry": pd.Series(dtype=object)} if layer.geometry else {})})


def _sorted(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    begins = microseconds(frame["valid_from"], ALWAYS)
    keys = [begins, *(frame[c].to_numpy(dtype=object).astype(str) for c in reversed(by))]
    return frame.iloc[np.lexsort(keys)] if len(frame) else frame


def _text(values: Any) -> NDArray[np.bytes_]:
    texts = pd.Series(list(values), dtype=object).fillna("").astype(str).to_numpy(dtype=object)
    return np.char.encode(texts.astype(str), "utf-8") if len(texts) else np.empty(0, dtype="S1")


def _validity(arrays: dict[str, NDArray], name: str, rows: pd.DataFrame) -> None:
    arrays[f"{name}.begins"] = microseconds(rows["valid_from"], ALWAYS)
    arrays[f"{name}.ends"] = microseconds(rows["valid_to"], FOREVER)


_PREFIXES = {"areas": ("areas/", "area_sets"), "zones": ("zones", "filters")}
"""How the names of a layer's arrays begin, where it is not by the layer's name and a dot."""


def _kept(arrays: dict[str, NDArray], inputs: dict[str, str], base: Base, layer: str) -> bool:
    """Take a layer over from an earlier snapshot when its rows are the same."""
    if layer not in base.same:
        return False
    prefixes = _PREFIXES.get(layer, (layer + ".",))
    arrays |= base.part(*prefixes)
    inputs |= {name: digest for name, digest in base.inputs.items() if (name + ".").startswith(prefixes)}
    return True


def _raster(arrays: dict[str, NDArray], inputs: dict[str, str], base: Base, name: str, shapes: NDArray) -> None:
    """Index polygons, unless an earlier snapshot has the index of the very same ones."""
    inputs[name] = geometry_digest(shapes)
    if base.inputs.get(name) == inputs[name]:
        arrays |= base.part(f"{name}.raster.")
        return
    for key, value in zip(raster.Raster.names(), raster.build(shapes).arrays, strict=True):
        arrays[f"{name}.raster.{key}"] = value


def _rasters(
    arrays: dict[str, NDArray],
    inputs: dict[str, str],
    base: Base,
    name: str,
    shapes: NDArray,
    groups: tuple[list[str], NDArray[np.int32], NDArray[np.bool_]],
) -> None:
    """Index polygons by filter: its text, that of each polygon, what it takes. The index of the same is kept."""
    texts, of, takes = groups
    wanted = {f"{name}/{text}": geometry_digest(shapes[of == g]) for g, text in enumerate(texts)}
    before = sorted(key for key in base.inputs if key.startswith(f"{name}/"))  # filters stand in order of their texts
    kept: list[raster.Raster | None] = [None] * len(texts)
    if before:
        earlier = grouped.Grouped(*(base.arrays[f"{name}.raster.{key}"] for key in grouped.Grouped.names()))
        same = {base.inputs[key]: g for g, key in enumerate(before)}
        kept = [earlier.one(same[digest]) if digest in same else None for digest in wanted.values()]
    inputs |= wanted
    made = grouped.build(shapes, of, takes, kept)
    for key, value in zip(grouped.Grouped.names(), made.arrays, strict=True):
        arrays[f"{name}.raster.{key}"] = value


def _layer(
    arrays: dict[str, NDArray],
    inputs: dict[str, str],
    base: Base,
    name: str,
    rows: pd.DataFrame,
    columns: tuple[str, ...],
) -> None:
    _raster(arrays, inputs, base, name, np.asarray(rows["geometry"], dtype=object))
    _columns(arrays, name, rows, columns)


def _columns(arrays: dict[str, NDArray], name: str, rows: pd.DataFrame, columns: tuple[str, ...]) -> None:
    _validity(arrays, name, rows)
    for column in columns:
        arrays[f"{name}.{column}"] = _text(rows[column])


def _departments(arrays: dict[str, NDArray], frame: pd.DataFrame) -> Callable[[pd.Series], NDArray[np.int32]]:
    versions = _sorted(frame, ["code"])
    rows = versions.drop_duplicates("code", keep="last")
    arrays["departments.code"], arrays["departments.name"] = _text(rows["code"]), _text(rows["name"])
    order = pd.Index(rows["code"].astype(str))
    begins, ends = microseconds(versions["valid_from"], ALWAYS), microseconds(versions["valid_to"], FOREVER)
    code, parent = (order.get_indexer(versions[k].fillna("").astype(str)) for k in ("code", "parent"))
    arrays["departments.since"], arrays["departments.stands"] = standing(order, code, parent, begins, ends)

    def positions(codes: pd.Series) -> NDArray[np.int32]:
        wanted = codes.fillna("").astype(str)
        found = order.get_indexer(wanted).astype(np.int32)
        lost = wanted[(found < 0) & (wanted != "").to_numpy()]
        if len(lost):
            raise InputError(f"department {lost.iloc[0]!r} is not among the departments", right="load it first")
        return found

    return positions


def _classes(arrays: dict[str, NDArray], book: Catalog) -> None:
    table = book.classes
    arrays["classes.text"] = _text(table["edition"] + ":" + table["kind"] + table["code"])
    arrays["classes.name"] = _text(table["name_zh"])
    canon = np.where(book.to_2026 >= 0, book.to_2026, np.arange(len(table)))
    # two editions name the same component: both are looked for as the class of 2026
    arrays["classes.component"] = np.where(table["kind"] == "C", canon, -1).astype(np.int32)
    arrays["classes.canon"] = canon.astype(np.int32)


def _rules(
    arrays: dict[str, NDArray],
    frame: pd.DataFrame,
    book: Catalog,
    known: Callable[[pd.Series], NDArray[np.int32]],
) -> None:
    rows = _sorted(frame, ["class"])
    begins, ends = microseconds(rows["valid_from"], ALWAYS), microseconds(rows["valid_to"], FOREVER)
    since = np.unique(np.concatenate([[ALWAYS], begins, ends[ends < FOREVER]]))
    n = len(book.classes)
    duty = np.full((len(since), n + 1), DUTIES.index("owning"), dtype=np.int8)
    radius = np.full((len(since), n + 1), int(DEFAULT_RADIUS_M * 1000), dtype=np.int64)
    department = np.full((len(since), n + 1), -1, dtype=np.int32)
    asks = np.full((len(since), n + 1), -1, dtype=np.int8)
    first = np.zeros((len(since), n + 1), dtype=np.int8)
    takes = [book.matches(text) for text in rows["class"]]
    levels = np.array([book.level(text) for text in rows["class"]], dtype=int)
    of = known(rows["department"])
    duties = _words(rows, "duty", DUTIES, -1)
    firsts = _words(rows, "first", FIRSTS, -1)
    reach = rows["radius_m"].to_numpy(dtype=float)
    canon = arrays["classes.canon"]
    for e, instant in enumerate(since):
        ruled = np.zeros(n, dtype=bool)
        # broad rules first, so that the specific ones overwrite them
        for r in sorted(range(len(rows)), key=lambda r: (-levels[r], rows["class"].iloc[r])):
            if begins[r] <= instant < ends[r]:
                mine = np.flatnonzero(takes[r])
                ruled[mine] = True
                if duties[r] >= 0:
                    duty[e, mine] = asks[e, mine] = duties[r]
                if firsts[r] >= 0:
                    first[e, mine] = firsts[r]
                if np.isfinite(reach[r]):
                    radius[e, mine] = round(reach[r] * 1000)
                if of[r] >= 0:
                    department[e, mine] = of[r]
        heirs = np.flatnonzero(~ruled & (canon != np.arange(n)))
        for table in (duty, radius, department, asks, first):
            table[e, heirs] = table[e, canon[heirs]]
    arrays |= {
        "rules.since": since.astype(np.int64),
        "rules.duty": duty,
        "rules.radius_mm": radius,
        "rules.department": department,
        "rules.asks": asks,
        "rules.first": first,
    }


def _words(rows: pd.DataFrame, name: str, words: tuple[str, ...], missing: int) -> list[int]:
    """Positions of a column's words, ``missing`` where it says nothing or is not there."""
    told = rows[name].fillna("").astype(str).tolist() if name in rows else [""] * len(rows)
    unknown = next((text for text in told if text and text not in words), None)
    if unknown is not None:
        raise InputError(f"{name} {unknown!r} is not known", right=f"it is one of {', '.join(words)}")
    return [words.index(text) if text else missing for text in told]


def _zones(
    arrays: dict[str, NDArray],
    inputs: dict[str, str],
    base: Base,
    frame: pd.DataFrame,
    book: Catalog,
    known: Callable[[pd.Series], NDArray[np.int32]],
) -> None:
    rows = frame.copy()
    drawn = "is_line" not in rows
    if drawn:
        rows = _with_grounds(rows)
    effect = np.array(_words(rows, "effect", EFFECTS, 0), dtype=np.int8)
    duty = np.array(_words(rows, "duty", DUTIES, -1), dtype=np.int8)
    labels = rows["classes"].astype(str).to_numpy(dtype=object) + _marks(effect, duty)
    named = dict(zip(labels, rows["classes"].astype(str), strict=True))
    filters = sorted(named)
    classes = [named[text] for text in filters]
    level = {text: book.level(text) for text in set(classes)}
    takes = np.array([[*book.matches(text), "*" in text.split()] for text in classes], dtype=bool)
    takes = takes.reshape(len(filters), len(book.classes) + 1)
    rank = pd.to_numeric(rows["rank"]).fillna(UNRANKED).to_numpy(dtype=np.int64)
    keys = [
        microseconds(rows["valid_from"], ALWAYS),
        rows["code"].to_numpy(dtype=object).astype(str),
        rows["area_m2"].to_numpy(dtype=float),
        ~rows["is_line"].to_numpy(dtype=bool),
        rows["classes"].map(level).to_numpy(dtype=int),
        rank,
    ]
    order = np.lexsort(keys) if len(rows) else np.empty(0, dtype=int)
    rows = rows.iloc[order]
    rank, effect, duty, labels = rank[order], effect[order], duty[order], labels[order]
    of = pd.Series(labels).map({t: i for i, t in enumerate(filters)}).to_numpy(dtype=np.int32)
    _validity(arrays, "zones", rows)
    if drawn:
        _no_clashes(rows, effect, takes[of], arrays)
    what = np.full((2, len(filters)), -1, dtype=np.int8)
    what[0, of], what[1, of] = effect, duty
    groups = filters, of, grouped.slots(takes, *what)
    _rasters(arrays, inputs, base, "zones", np.asarray(rows["geometry"], dtype=object), groups)
    _columns(arrays, "zones", rows, ("code", "name", "classes"))
    joint = [text.split() for text in zones.column(rows, "joint", len(rows), "").tolist()]
    arrays |= {
        "zones.department": known(rows["department"]),
        "zones.is_line": rows["is_line"].to_numpy(dtype=bool),
        "zones.rank": rank,
        "zones.level": rows["classes"].map(level).to_numpy(dtype=np.int8),
        "zones.area_m2": rows["area_m2"].to_numpy(dtype=float),
        "zones.effect": effect,
        "zones.duty": duty,
        "zones.joint": known(pd.Series([code for codes in joint for code in codes], dtype=object)),
        "zones.joint_from": np.cumsum([0, *map(len, joint)]).astype(np.int64),
        "zones.filter": of,
        "filters": takes,
    }


def _marks(effect: NDArray[np.int8], duty: NDArray[np.int8]) -> NDArray[np.object_]:
    """What a filter's name says beside its classes: nothing for a zone that gives, for any duty."""
    told = np.array(["", *(f" | {word}" for word in EFFECTS[1:])], dtype=object)[effect]
    return told + np.array([*(f" | for {word}" for word in DUTIES), ""], dtype=object)[duty]


def _with_grounds(rows: pd.DataFrame) -> pd.DataFrame:
    """Zones as they were drawn, with the ground that they cover; the first fault of any is raised."""
    shapes = np.asarray(rows["geometry"], dtype=object)
    codes = rows["code"].tolist()
    for at, name, values, why in zones.faults(shapes, rows):
        if len(at):
            raise InputError(f"{name} {values[0]!r} {why[0]}", where=f"zone {codes[at[0]]}")
    ground, lost = zones.grounds(shapes, rows)
    for k, error in lost:
        raise InputError(error.what, where=f"zone {codes[k]}", right=error.right)
    rows["is_line"] = np.isin(shapely.get_type_id(shapes), (1, 5))
    rows["geometry"] = ground
    rows["area_m2"] = shapely.area(ground)
    return rows


def _no_clashes(
    rows: pd.DataFrame, effect: NDArray[np.int8], takes: NDArray[np.bool_], arrays: Mapping[str, NDArray]
) -> None:
    only = np.flatnonzero(effect == EFFECTS.index("only"))
    ground = np.asarray(rows["geometry"], dtype=object)[only]
    who, code = (rows[name].to_numpy(dtype=object)[only] for name in ("department", "code"))
    spans = arrays["zones.begins"][only], arrays["zones.ends"][only]
    zones.refuse_clashes(code, zones.clashes(who, ground, takes[only], *spans))


def _components(
    arrays: dict[str, NDArray],
    frame: pd.DataFrame,
    book: Catalog,
    known: Callable[[pd.Series], NDArray[np.int32]],
) -> None:
    rows = _sorted(frame, ["code"])
    klass = book.index(rows["class"]).astype(np.int32)
    if len(rows) and (klass < 0).any():
        lost = rows["class"][klass < 0].iloc[0]
        raise InputError(f"component class {lost!r} is not in the catalogue", right="load the class first")
    if "x" in rows:
        xy = exact.millimetres(np.column_stack([rows["x"].to_numpy(float), rows["y"].to_numpy(float)]))
    else:
        xy = exact.millimetres(shapely.get_coordinates(np.asarray(rows["geometry"], dtype=object)))
    x, y = np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1])
    searched = arrays["classes.component"][klass] if len(rows) else klass
    index = nearest.build(x, y, searched, len(book.classes))
    for key, value in zip(nearest.Hash.names(), index.arrays, strict=True):
        arrays[f"components.hash.{key}"] = value
    _validity(arrays, "components", rows)
    code = _text(rows["code"])
    arrays |= {
        "components.code": code,
        "components.thing": np.cumsum(np.append(False, code[1:] != code[:-1])[: len(code)]).astype(np.int32),
        "components.class": klass,
        "components.place": np.column_stack([x, y]),
        "components.department": np.column_stack([known(rows[d]) for d in COMPONENT_DUTIES]).reshape(-1, 3),
    }
