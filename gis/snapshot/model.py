"""The compiled city: its arrays, and how they are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from gis import exact, grouped, nearest, raster
from gis.compiled import Compiled
from gis.model import City
from gis.snapshot import file, reuse
from gis.snapshot.making import compile_arrays
from grids.errors import InputError


@dataclass(frozen=True)
class Layer:
    """Polygons of one kind in order of precedence, with their validity and their columns (UTF-8 bytes or numbers).

    The index of the zones is a `gis.grouped.Grouped`, that of the others a `gis.raster.Raster`.
    """

    raster: Compiled
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    columns: dict[str, NDArray]

    def __len__(self) -> int:
        """Count of rows, versions included."""
        return len(self.begins)


@dataclass(frozen=True)
class Rules:
    """Class rules in force from each instant of ``since`` on, for each class.

    ``duty`` is the one its components are asked for, ``asks`` the one that a rule names (-1: none does), ``first``
    who goes first (`gis.model.FIRSTS`).
    """

    since: NDArray[np.int64]
    duty: NDArray[np.int8]
    radius_mm: NDArray[np.int64]
    department: NDArray[np.int32]
    asks: NDArray[np.int8]
    first: NDArray[np.int8]


@dataclass(frozen=True)
class Snapshot:
    """See the module; made by `compile`, `open`.

    ``version`` is the digest of the city, of ``known_at`` and of the arrays: the same record gives the same version.
    ``at`` is no part of it, since every answer names its own instant. ``digests`` has that of each array; ``states``
    is the state of each layer of the record that was read, ``inputs`` and ``maker`` say what a later snapshot may
    take over (see `gis.snapshot.reuse`).
    """

    city: City
    at: pd.Timestamp
    known_at: pd.Timestamp
    arrays: dict[str, NDArray]
    version: str = ""
    digests: dict[str, str] = field(default_factory=dict, repr=False)
    states: dict[str, str] = field(default_factory=dict, repr=False)
    inputs: dict[str, str] = field(default_factory=dict, repr=False)
    maker: str = field(default="", repr=False)

    @staticmethod
    def compile(
        city: City,
        frames: Mapping[str, pd.DataFrame],
        *,
        at: Any = None,
        known_at: Any = None,
        progress: Callable[[str], None] | None = None,
        states: Mapping[str, str] | None = None,
        base: Snapshot | None = None,
        same: Collection[str] = (),
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
        states
            State of each layer of the record, as `gis.store.layer_states` names them.
        base
            An earlier snapshot: the indexes of shapes that did not change are taken from it.
        same
            Layers that are taken from ``base`` whole, because their rows are the same; see
            `gis.snapshot.reuse.same_layers`. They need no frame.

        Returns
        -------
        Snapshot
            Bit for bit the same for the same rows in any order, and with or without ``base``.
        """
        now = pd.Timestamp.now(tz="UTC")
        earlier = reuse.NOTHING
        if base is not None and base.maker == reuse.maker():
            earlier = reuse.Base(base.arrays, base.inputs, frozenset(same))
        elif same:
            raise ValueError("layers of a base that is none, or of another Wanmi")
        arrays, inputs = compile_arrays(city, frames, progress, earlier)
        known = {k: base.digests[k] for k, a in arrays.items() if a is base.arrays.get(k)} if base else {}
        made = Snapshot(
            city, _instant(at, now), _instant(known_at, now), arrays, "", file.digests(arrays, known),
            dict(states or {}), inputs, reuse.maker(),
        )  # fmt: skip
        return dataclasses.replace(made, version=made._version())

    def _version(self) -> str:
        facts = {"city": dataclasses.asdict(self.city), "known_at": self.known_at.isoformat()}
        return file.version(facts, self.arrays, self.digests)

    def save(self, path: str | Path) -> Path:
        """Write the snapshot to one file; it appears whole or not at all."""
        header = {
            "city": dataclasses.asdict(self.city),
            "at": self.at.isoformat(),
            "known_at": self.known_at.isoformat(),
            "version": self.version,
            "states": self.states,
            "inputs": self.inputs,
            "maker": self.maker,
        }
        return file.write(path, header, self.arrays, self.digests or file.digests(self.arrays))

    @staticmethod
    def open(path: str | Path, *, city: str = "", verify: bool = True) -> Snapshot:
        """Open a snapshot file; its arrays are mapped, so that all processes share them.

        Parameters
        ----------
        city
            Key of the city that it must be of; any when "".
        verify
            Whether every byte is checked, not only the header.

        Raises
        ------
        InputError
            When it is no snapshot, one of another layout or city, ends too early, or is damaged.
        """
        head, arrays = file.read(path, verify=verify)
        of = head["city"]
        if city and of["key"] != city:
            right = f"name a snapshot of {city!r}, or the other city"
            raise InputError(f"a snapshot of {of['key']!r}, not of {city!r}", where=str(path), right=right)
        for key in ("bounds", "territory"):
            of[key] = tuple(of[key])
        for key in ("default_points", "accuracy_m"):
            of[key] = tuple(tuple(pair) for pair in of.get(key, ()))
        at, known_at = pd.Timestamp(head["at"]), pd.Timestamp(head["known_at"])
        digests = {name: entry[3] for name, entry in head["arrays"].items()}
        told = head["states"], head["inputs"], head["maker"]
        opened = Snapshot(City(**of), at, known_at, arrays, head["version"], digests, *told)
        if opened._version() != opened.version:
            raise InputError("its content does not match its version", where=str(path), right=file.RIGHT)
        return opened

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
        arrays = dict(self.arrays)
        for name in sorted(names, key=len, reverse=True):  # a set may be called as another with a point and more
            mine = {k.removeprefix(name + "."): arrays.pop(k) for k in list(arrays) if k.startswith(name + ".")}
            kind = grouped.Grouped if name == "zones" else raster.Raster
            index = kind(*(mine.pop("raster." + k) for k in kind.names()))
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

    def words(self, name: str) -> tuple[pa.StringArray, NDArray[np.int32]]:
        """The same texts in Arrow: each word once, and the number of the word of each position, "" for -1."""
        with self._one_by_one:  # two threads would make them twice
            if name not in self._words:
                self._words[name] = _once(self.arrays[name])
            return self._words[name]

    def words_at(self, name: str, at: NDArray[np.integer]) -> tuple[pa.StringArray, NDArray[np.int32]]:
        """`words` of some positions, shape (n,): each word, and the number of the word of each of them.

        Of a column that is longer than they are only the words that are asked for are made.
        """
        raw = self.arrays[name]
        if len(raw) <= len(at):
            words, number = self.words(name)
            return words, number[at]
        asked = np.zeros(len(raw) + 1, dtype=bool)
        asked[at] = True
        some = np.flatnonzero(asked[:-1])
        words, number = _once(raw[some])
        place = np.empty(len(raw) + 1, dtype=np.int32)
        place[some], place[-1] = number[:-1], number[-1]
        return words, place[at]

    @cached_property
    def _one_by_one(self) -> Lock:
        return Lock()

    @cached_property
    def _words(self) -> dict[str, tuple[pa.StringArray, NDArray[np.int32]]]:
        return {}

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

    def class_of(self, text: str) -> int:
        """Position of one class text, as `class_index` has it."""
        return self._class_of[text]

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


def _once(raw: NDArray[np.bytes_]) -> tuple[pa.StringArray, NDArray[np.int32]]:
    """UTF-8 bytes and "" behind them: each word once, and the number of the word of each; versions share a code."""
    raw = np.ascontiguousarray(raw)
    length = np.append(np.strings.str_len(raw), 0) if len(raw) else np.zeros(1, dtype=np.int64)
    letters = raw.view(np.uint8).reshape(len(raw), raw.dtype.itemsize)
    data = letters[np.arange(raw.dtype.itemsize) < length[:-1, None]]
    ends = np.concatenate([[0], np.cumsum(length)]).astype(np.int32)
    once = pa.StringArray.from_buffers(len(raw) + 1, pa.py_buffer(ends), pa.py_buffer(data)).dictionary_encode()
    return once.dictionary, once.indices.to_numpy()


def _instant(value: Any, now: pd.Timestamp) -> pd.Timestamp:
    stamp = now if value is None else pd.Timestamp(value)
    return (stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")).as_unit("us")
