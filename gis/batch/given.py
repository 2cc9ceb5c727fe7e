"""The cases of a portion as the engine takes them, filled in from two sides, and its answers beside their faults."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from gis.assign import assign
from gis.batch.told import Told, counted
from gis.convert import Cases, Distinct
from gis.files.faults import Whole
from gis.files.judging import Checked
from gis.files.table import Portion
from gis.snapshot import Snapshot


class Given:
    """The cases of a portion as columns of its rows, filled in from two sides."""

    def __init__(self, portion: Portion, snapshot: Snapshot) -> None:
        self.portion, self.snapshot = portion, snapshot
        n = self.n = portion.count
        self.x, self.y, self.accuracy = (np.full(n, np.nan) for _ in range(3))
        self.at = np.full(n, np.datetime64("NaT", "us"))
        self.texts = {name: Texts(n) for name in ("class", "component", "no_location", "channel", "id")}
        self.there = np.zeros(n, dtype=bool)

    def judged(self, checked: Checked) -> None:
        """Take over what the ordinary way made of some rows."""
        frame = checked.frame
        good = frame.index.to_numpy(dtype=np.int64) - self.portion.first
        if len(good):
            shapes = frame["geometry"].to_numpy()
            self.x[good], self.y[good] = shapely.get_x(shapes), shapely.get_y(shapes)
            self.accuracy[good] = frame["accuracy_m"].to_numpy(dtype=np.float64)
            self.at[good] = frame["reported_at"].dt.tz_localize(None).to_numpy().astype("datetime64[us]")
            for name, texts in self.texts.items():
                texts.put(good, *_told(frame[name]))
            self.there[good] = True
        if len(checked.lost):
            lost = checked.lost.index.to_numpy(dtype=np.int64) - self.portion.first
            self.texts["id"].put(lost, *_told(checked.lost["id"]))
            self.there[lost] = True

    def lose(self, rejects: pd.DataFrame) -> None:
        """Rows at fault are rows of the answer."""
        self.there[rejects["row"].to_numpy(dtype=np.int64) - self.portion.first] = True

    def answer(self, rejects: pd.DataFrame, whole: Whole, notes: list[str]) -> Told:
        """Ask the engine, and put its answers beside the faults."""
        first = self.portion.first
        faults = {row - first: why for row, why in _lines(rejects).items()}
        told = {name: texts.distinct() for name, texts in self.texts.items() if name != "id"}
        cases = Cases.read(
            self.snapshot,
            self.x,
            self.y,
            told["class"],
            components=told["component"],
            at=self.at,
            accuracy_m=self.accuracy,
            channels=told["channel"],
            no_location=told["no_location"],
        )
        unknown = {row: f"class: {why}" for row, why in cases.faults.items() if row not in faults}
        if unknown:
            rejects = pd.concat([rejects, _unknown(unknown, told["class"], first)], ignore_index=True)
            rejects = rejects.sort_values("row", kind="stable", ignore_index=True)
            faults = dict(sorted({**faults, **unknown}.items()))
        done = assign(cases, self.snapshot, threads=1).without(faults)
        table = done.table(faults=faults)
        lost = done.rule < 0
        at = np.where(
            np.isnat(self.at), np.datetime64(self.snapshot.at.tz_localize(None).to_datetime64(), "us"), self.at
        )
        table = table.add_column(0, "id", self._ids())
        table = table.add_column(1, "at", pa.array(at, pa.timestamp("us"), mask=lost).cast(pa.timestamp("us", "UTC")))
        counts = counted(done, self.there)
        return Told(table if self.there.all() else table.filter(pa.array(self.there)), rejects, counts, whole, notes)

    def _ids(self) -> pa.Array:
        """Numbers of the cases: the file's, else those of their rows; "" for a row that fell apart."""
        ids = self.texts["id"]
        missing = ids.at < 0
        at = ids.at.copy()
        whole = np.isin(np.arange(self.n), self.portion.numbers - self.portion.first)
        at[missing & ~whole] = ids.size
        blank = pa.array([""], pa.string())
        rows = np.flatnonzero(missing & whole)
        at[rows] = ids.size + 1 + np.arange(len(rows))
        made = pa.array(rows + self.portion.first).cast(pa.string())
        return pa.concat_arrays([*ids.words, blank, made]).take(pa.array(at))


class Texts:
    """A column of texts that is put together from parts: words, and for each row which one, -1 for none."""

    def __init__(self, n: int) -> None:
        self.at = np.full(n, -1, dtype=np.int64)
        self.words: list[pa.Array] = []
        self.size = 0

    def put(self, rows: NDArray[np.integer], words: pa.Array, at: NDArray[np.integer]) -> None:
        """Write some rows: of each, which of these words; one beyond the last, and "", count as none."""
        blank = np.append(pc.fill_null(pc.equal(words, ""), True).to_numpy(zero_copy_only=False), True)
        self.at[rows] = np.where(blank[at], -1, at + self.size)
        self.words.append(words)
        self.size += len(words)

    def distinct(self) -> Distinct:
        """The column as the engine takes it."""
        words = [word for part in self.words for word in part.to_pylist()]
        return Distinct(words, self.at.astype(np.int32))


def _told(column: pd.Series) -> tuple[pa.Array, NDArray[np.integer]]:
    return pa.array(column, pa.string(), from_pandas=True), np.arange(len(column))


def _lines(rejects: pd.DataFrame) -> dict[int, str]:
    """Row -> all that is wrong with it, in one line."""
    if rejects.empty:
        return {}
    value = (" '" + rejects["value"] + "'").where(rejects["value"] != "", "")
    lines = (rejects["column"] + value + ": " + rejects["why"]).groupby(rejects["row"]).agg("; ".join)
    return {int(row): line for row, line in lines.items()}


def _unknown(found: dict[int, str], told: Distinct, first: int) -> pd.DataFrame:
    """Rejects for classes that the city has not."""
    rows = np.fromiter(found, dtype=np.int64)
    values = [told.words[told.at[row]] for row in rows.tolist()]
    why = [line.partition(" is unknown")[2] for line in found.values()]
    frame = {"row": rows + first, "column": "class", "value": values, "why": ["is unknown" + w for w in why]}
    return pd.DataFrame(frame).astype({"column": "str", "value": "str", "why": "str"})
