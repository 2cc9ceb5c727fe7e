"""The city at an instant, compiled and indexed: everything that an answer needs, as arrays in one file.

A snapshot is immutable and has a version, the digest of its content: the same record gives the same bytes whatever
the order of its rows. It needs no database. Every row keeps its validity, so that one snapshot answers for the
instant of each case; ``at`` is the instant of a case that tells none.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray

from gis import exact, nearest, raster
from gis.model import DUTIES, City
from grids.catalog import Catalog, catalog
from grids.errors import InputError

MAGIC = b"WANMI\x00\x01\n"
ALWAYS, FOREVER = np.iinfo(np.int64).min, np.iinfo(np.int64).max
DEFAULT_RADIUS_M = 20.0
"""How far a component is looked for when its class has no rule; a choice of ours, no standard gives one."""
UNRANKED = 2**31 - 1


@dataclass(frozen=True)
class Layer:
    """Polygons of one kind in order of precedence, with their validity and their columns (UTF-8 bytes or numbers)."""

    raster: raster.Raster
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    columns: dict[str, NDArray]

    def __len__(self) -> int:
        """Count of rows, versions included."""
        return len(self.begins)


@dataclass(frozen=True)
class Rules:
    """Class rules in force from each instant of ``since`` on: for each class its duty, reach and department."""

    since: NDArray[np.int64]
    duty: NDArray[np.int8]
    radius_mm: NDArray[np.int64]
    department: NDArray[np.int32]


@dataclass(frozen=True)
class Snapshot:
    """See the module; made by `compile`, `open`."""

    city: City
    at: pd.Timestamp
    known_at: pd.Timestamp
    arrays: dict[str, NDArray]
    version: str = field(default="")

    # ---------------------------------------------------------------- making

    @staticmethod
    def compile(
        city: City,
        frames: Mapping[str, pd.DataFrame],
        *,
        at: Any = None,
        known_at: Any = None,
        progress: Callable[[str], None] | None = None,
    ) -> Snapshot:
        """Compile the record of a city.

        Parameters
        ----------
        city
            Whose it is.
        frames
            Canonical frames of `gis.layers` by name: areas, departments, rules, units, components, zones (with
            their footprint as geometry, ``is_line`` and ``area_m2``, or as loaded), and ``classes`` for a city
            with classes of its own. Missing layers are empty. Geometry on the 1 mm grid of the city's CRS.
        at
            Instant of cases that tell none; now when missing. UTC.
        known_at
            Instant as of which the record was read; now when missing.
        progress
            Called with the name of each stage.

        Returns
        -------
        Snapshot
            Bit for bit the same for the same rows in any order.
        """
        tell = progress or (lambda _: None)
        now = pd.Timestamp.now(tz="UTC")
        classes = frames.get("classes")
        book = catalog() if classes is None or not len(classes) else Catalog(classes, catalog().crosswalk)
        arrays: dict[str, NDArray] = {}
        tell("departments and rules")
        known = _departments(arrays, _frame(frames, "departments"))
        _classes(arrays, book)
        _rules(arrays, _frame(frames, "rules"), book, known)
        tell("areas")
        areas = _frame(frames, "areas")
        sets = sorted(set(areas["set"])) if len(areas) else []
        ordered = [s for s in city.territory if s in sets] + [s for s in sets if s not in city.territory]
        arrays["area_sets"] = _text(ordered)
        for name in ordered:
            rows = _sorted(areas[areas["set"] == name], ["code"])
            _layer(arrays, f"areas/{name}", rows, ("code", "name", "parent"))
            arrays[f"areas/{name}.department"] = known(rows["department"])
        tell("units")
        _layer(arrays, "units", _sorted(_frame(frames, "units"), ["code"]), ("code", "community"))
        tell("zones")
        _zones(arrays, _frame(frames, "zones"), book, known)
        tell("components")
        _components(arrays, _frame(frames, "components"), book, known)
        snapshot = Snapshot(city, _instant(at, now), _instant(known_at, now), arrays)
        return dataclasses.replace(snapshot, version=snapshot._digest())

    # ---------------------------------------------------------------- the file

    def _header(self) -> dict[str, Any]:
        return {
            "city": dataclasses.asdict(self.city),
            "at": self.at.isoformat(),
            "known_at": self.known_at.isoformat(),
            "arrays": {k: [a.dtype.str, list(a.shape)] for k, a in sorted(self.arrays.items())},
        }

    def _digest(self) -> str:
        mark = hashlib.blake2b(json.dumps(self._header(), sort_keys=True).encode(), digest_size=8)
        for _, array in sorted(self.arrays.items()):
            mark.update(np.ascontiguousarray(array).data if array.size else b"")
        return mark.hexdigest()

    def save(self, path: str | Path) -> Path:
        """Write the snapshot to one file; it appears whole or not at all."""
        path = Path(path)
        head = json.dumps({**self._header(), "version": self.version}, sort_keys=True).encode()
        part = path.with_name(path.name + ".part")
        with part.open("wb") as file:
            file.write(MAGIC + len(head).to_bytes(8, "little") + head)
            for _, array in sorted(self.arrays.items()):
                file.write(b"\0" * (-file.tell() % 64))
                file.write(np.ascontiguousarray(array).data if array.size else b"")
        part.replace(path)
        return path

    @staticmethod
    def open(path: str | Path, *, verify: bool = True) -> Snapshot:
        """Open a snapshot file; its arrays are mapped, so that workers share them.

        Raises
        ------
        InputError
            When it is no snapshot, ends too early, or its content does not match its digest.
        """
        path = Path(path)
        right = "build it again with 'wanmi snapshot build'"
        if not path.is_file():
            raise InputError("no such snapshot file", where=str(path), right=right)
        with path.open("rb") as file:
            if file.read(8) != MAGIC:
                raise InputError("not a snapshot file of this version of Wanmi", where=str(path), right=right)
            size = int.from_bytes(file.read(8), "little")
            try:
                head = json.loads(file.read(size)) if size < path.stat().st_size else {}
            except ValueError:
                head = {}
        if not head:
            raise InputError("its header is damaged", where=str(path), right=right)
        data = np.memmap(path, dtype=np.uint8, mode="c")
        arrays, place = {}, 16 + size
        for name, (kind, shape) in sorted(head["arrays"].items()):
            dtype = np.dtype(kind)
            bytes_ = int(np.prod(shape)) * dtype.itemsize
            place += -place % 64
            if place + bytes_ > len(data):
                raise InputError("the file ends too early", where=str(path), right=right)
            # a plain view: kernels are compiled for arrays, not for memmaps
            arrays[name] = np.asarray(data[place : place + bytes_]).view(dtype).reshape(shape)
            place += bytes_
        city = head["city"]
        for key in ("bounds", "territory"):
            city[key] = tuple(city[key])
        city["default_points"] = tuple(tuple(p) for p in city["default_points"])
        at, known_at = pd.Timestamp(head["at"]), pd.Timestamp(head["known_at"])
        snapshot = Snapshot(City(**city), at, known_at, arrays, head["version"])
        if verify and snapshot._digest() != snapshot.version:
            raise InputError("its content does not match its digest", where=str(path), right=right)
        return snapshot

    # ---------------------------------------------------------------- reading

    @cached_property
    def area_sets(self) -> tuple[str, ...]:
        """Names of the area sets, those of the territory first, smallest first."""
        return tuple(v.decode() for v in self.arrays["area_sets"])

    def layer(self, name: str) -> Layer:
        """Layer ``units``, ``zones`` or ``areas/<set>``."""
        return self._layers[name]

    @cached_property
    def _layers(self) -> dict[str, Layer]:
        names = ["units", "zones", *(f"areas/{s}" for s in self.area_sets)]
        out = {}
        for name in names:
            mine = {k.split(".", 1)[1]: v for k, v in self.arrays.items() if k.startswith(name + ".")}
            index = raster.Raster(*(mine.pop("raster." + k) for k in raster.Raster.names()))
            out[name] = Layer(index, mine.pop("begins"), mine.pop("ends"), mine)
        return out

    @cached_property
    def components(self) -> nearest.Hash:
        """Components by class in a grid hash; their columns are ``arrays['components.…']``."""
        return nearest.Hash(*(self.arrays["components.hash." + k] for k in nearest.Hash.names()))

    @cached_property
    def rules(self) -> Rules:
        """Class rules by instant."""
        return Rules(*(self.arrays["rules." + f.name] for f in dataclasses.fields(Rules)))

    def codes(self, name: str) -> NDArray[np.object_]:
        """Texts of a column (``units.code``, ``departments.name`` …), with "" after the last for position -1."""
        if name not in self._texts:
            raw = self.arrays[name]
            texts = np.empty(len(raw) + 1, dtype=object)
            texts[:-1] = np.char.decode(raw, "utf-8") if len(raw) else []
            texts[-1] = ""
            self._texts[name] = texts
        return self._texts[name]

    def column(self, name: str) -> pd.api.extensions.ExtensionArray:
        """The same texts as a pandas array, for taking many at once."""
        if name not in self._columns:
            self._columns[name] = pd.array(self.codes(name), dtype="str")
        return self._columns[name]

    @cached_property
    def _texts(self) -> dict[str, NDArray[np.object_]]:
        return {}

    @cached_property
    def _columns(self) -> dict[str, pd.api.extensions.ExtensionArray]:
        return {}

    def class_index(self, texts: ArrayLike) -> NDArray[np.int32]:
        """Positions of class texts among the classes, -1 for unknown; a bare code takes the city's edition."""
        labels = np.asarray(texts, dtype=object)
        return np.fromiter(map(self._class_of.__getitem__, labels.tolist()), dtype=np.int32, count=len(labels))

    @cached_property
    def _class_of(self) -> _Positions:
        return _Positions(self.city.edition, self.codes("classes.text")[:-1])

    @cached_property
    def default_points_mm(self) -> NDArray[np.int64]:
        """The city's default points that its CRS can hold, whole millimetres, shape (k, 2)."""
        from gis.crs import to_city

        points = np.asarray(self.city.default_points, dtype=float).reshape(-1, 2)
        x, y = to_city(points[:, 0], points[:, 1], "EPSG:4326", self.city.srid)
        fine = np.isfinite(x) & np.isfinite(y) & (np.abs(x) < 1e9) & (np.abs(y) < 1e9)
        return exact.millimetres(np.column_stack([x, y])[fine]).reshape(-1, 2)


class _Positions(dict[Any, int]):
    """Position of a class by its text; a bare code is tried in the city's edition, what is unknown is -1."""

    def __init__(self, edition: str, texts: NDArray[np.object_]) -> None:
        super().__init__((text, i) for i, text in enumerate(texts))
        self._edition = edition

    def __missing__(self, text: Any) -> int:
        if not isinstance(text, str) or not text or ":" in text:
            return -1
        hits = [h for kind in ("", "C", "E") if (h := self.get(f"{self._edition}:{kind}{text}", -1)) >= 0]
        return hits[0] if len(hits) == 1 else -1


# -------------------------------------------------------------------- stages of compile


def microseconds(values: Any, missing: int) -> NDArray[np.int64]:
    """Instants as microseconds since 1970 UTC, int64; ``missing`` for NaT."""
    stamps = pd.to_datetime(pd.Series(values), utc=True).dt.as_unit("us")
    return np.where(stamps.isna(), missing, stamps.astype("int64")).astype(np.int64)


def _instant(value: Any, now: pd.Timestamp) -> pd.Timestamp:
    stamp = now if value is None else pd.Timestamp(value)
    return (stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")).as_unit("us")


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


def _layer(arrays: dict[str, NDArray], name: str, rows: pd.DataFrame, columns: tuple[str, ...]) -> None:
    index = raster.build(np.asarray(rows["geometry"], dtype=object))
    for key, value in zip(raster.Raster.names(), index.arrays, strict=True):
        arrays[f"{name}.raster.{key}"] = value
    _validity(arrays, name, rows)
    for column in columns:
        arrays[f"{name}.{column}"] = _text(rows[column])


def _departments(arrays: dict[str, NDArray], frame: pd.DataFrame) -> Callable[[pd.Series], NDArray[np.int32]]:
    rows = _sorted(frame, ["code"]).drop_duplicates("code", keep="last")
    arrays["departments.code"], arrays["departments.name"] = _text(rows["code"]), _text(rows["name"])
    order = pd.Index(rows["code"].astype(str))

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
    takes = [book.matches(text) for text in rows["class"]]
    levels = np.array([book.level(text) for text in rows["class"]], dtype=int)
    of = known(rows["department"])
    duties = [DUTIES.index(d) if d else -1 for d in rows["duty"]]
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
                    duty[e, mine] = duties[r]
                if np.isfinite(reach[r]):
                    radius[e, mine] = round(reach[r] * 1000)
                if of[r] >= 0:
                    department[e, mine] = of[r]
        heirs = np.flatnonzero(~ruled & (canon != np.arange(n)))
        for table in (duty, radius, department):
            table[e, heirs] = table[e, canon[heirs]]
    arrays |= {
        "rules.since": since.astype(np.int64),
        "rules.duty": duty,
        "rules.radius_mm": radius,
        "rules.department": department,
    }


def _zones(
    arrays: dict[str, NDArray],
    frame: pd.DataFrame,
    book: Catalog,
    known: Callable[[pd.Series], NDArray[np.int32]],
) -> None:
    rows = frame.copy()
    if "is_line" not in rows:
        shapes = np.asarray(rows["geometry"], dtype=object)
        rows["is_line"] = np.isin(shapely.get_type_id(shapes), (1, 5)) if len(rows) else []
        rows["geometry"] = exact.footprint(shapes, rows["width_m"]) if len(rows) else []
        rows["area_m2"] = shapely.area(np.asarray(rows["geometry"], dtype=object))
    filters = sorted(set(rows["classes"]))
    level = {text: book.level(text) for text in filters}
    takes = np.array([[*book.matches(text), "*" in text.split()] for text in filters], dtype=bool)
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
    rows, rank = rows.iloc[order], rank[order]
    _layer(arrays, "zones", rows, ("code", "name", "classes"))
    arrays |= {
        "zones.department": known(rows["department"]),
        "zones.is_line": rows["is_line"].to_numpy(dtype=bool),
        "zones.rank": rank,
        "zones.level": rows["classes"].map(level).to_numpy(dtype=np.int8),
        "zones.area_m2": rows["area_m2"].to_numpy(dtype=float),
        "zones.filter": rows["classes"].map({t: i for i, t in enumerate(filters)}).to_numpy(dtype=np.int32),
        "filters": takes.reshape(len(filters), len(book.classes) + 1),
    }


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
        "components.department": np.column_stack([known(rows[d]) for d in DUTIES]).reshape(-1, 3),
    }
