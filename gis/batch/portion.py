"""Some rows of a file to their answers: the one way for every format, on as many cores as there are portions at work.

Rows in which nothing is odd go straight from columns to the engine; the odd ones (no place, outside the city, a
value that is wrong) are judged by `gis.files`, as the loader would. Both give what a judgement of all rows would give.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from gis.assign import Resolution, assign
from gis.batch.writing import compact
from gis.convert import Cases, Distinct
from gis.crs import is_degrees, to_city
from gis.files.codes import classes
from gis.files.columns import number, text
from gis.files.faults import Faults, Whole, no_rejects
from gis.files.instants import beyond, instants
from gis.files.judging import WORDS, Checked, judge
from gis.files.place import city_box
from gis.files.planning import Plan
from gis.files.table import Portion
from gis.model import REASONS, RULES
from gis.snapshot import Snapshot

FIELDS = ("id", "class", "component", "no_location", "accuracy_m", "channel", "reported_at")
"""Columns of the layer ``cases`` that an answer needs, besides the place; the others are not read."""
WKB_POINT = np.dtype([("order", "u1"), ("type", "<u4"), ("x", "<f8"), ("y", "<f8")])
MAX_ACCURACY_M = 1e6


@dataclass
class Told:
    """What came of a portion.

    Parameters
    ----------
    table
        ``id``, ``at``, the columns of `gis.assign.Resolution.table`, ``fault``: a row for each of the file, in its
        order (those that the profile leaves out are not among them).
    rejects
        ``row, column, value, why``, one row for each fault.
    counts
        How many were answered how: shape (rules, reasons).
    whole
        What speaks against the file as a whole: to be added up over its portions, and judged at the end.
    notes
        What was assumed or left out.
    """

    table: pa.Table
    rejects: pd.DataFrame
    counts: NDArray[np.int64]
    whole: Whole = field(default_factory=Whole)
    notes: list[str] = field(default_factory=list)

    @property
    def rejected(self) -> int:
        """Rows at fault."""
        return int(self.rejects["row"].nunique())


@dataclass
class Job:
    """What every portion of a file needs to know.

    Parameters
    ----------
    snapshot
        The city.
    plan
        How the file is read.
    """

    snapshot: Snapshot
    plan: Plan
    _classes: dict[str, str | None] = field(default_factory=dict)

    def answer(self, portion: Portion) -> Told:
        """Answer a portion; nothing is kept of it but counts."""
        given, whole = _Given(portion, self.snapshot), Whole()
        plain = np.zeros(len(portion.numbers), dtype=bool)
        if portion.data is not None and not _rewrites(self.plan):
            plain = _Plain(portion, self, whole).fill(given)
        odd = np.flatnonzero(~plain)
        rejects = no_rejects() if portion.rejects is None else portion.rejects
        notes: list[str] = []
        if len(odd) or (len(rejects) and not len(plain)):
            rows = portion.rows(None if len(odd) == len(plain) else odd)
            rows.rejects = portion.rejects
            checked = judge(rows, self.plan, lambda _: None, whole)
            given.judged(checked)
            rejects, notes = checked.rejects, checked.notes
        given.lose(rejects)
        return given.answer(rejects, whole, notes)

    def classes_of(self, words: list[str]) -> list[str | None]:
        """The one form of class texts; None where one is at fault. Each text is judged once for the file."""
        new = [word for word in words if word not in self._classes]
        if new:
            source, faults = self.plan.source, Faults(np.arange(len(new)))
            column = pd.Series(new, dtype="str")
            made = classes(column, "class", self.plan.city, faults, edition=source.edition, kind=source.kind)
            told = zip(new, made.tolist(), faults.bad.tolist(), strict=True)
            self._classes.update({word: None if bad else ours for word, ours, bad in told})
        return [self._classes[word] for word in words]


def _rewrites(plan: Plan) -> bool:
    """Tell whether a profile does more than name columns and places: then all rows are judged."""
    s = plan.source
    return bool(s.constants or s.values or s.replace or s.parts or s.take or s.leave or s.distinct)


class _Given:
    """The cases of a portion as columns of its rows, filled in from two sides."""

    def __init__(self, portion: Portion, snapshot: Snapshot) -> None:
        self.portion, self.snapshot = portion, snapshot
        n = self.n = portion.count
        self.x, self.y, self.accuracy = (np.full(n, np.nan) for _ in range(3))
        self.at = np.full(n, np.datetime64("NaT", "us"))
        self.texts = {name: _Texts(n) for name in ("class", "component", "no_location", "channel", "id")}
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


def _told(column: pd.Series) -> tuple[pa.Array, NDArray[np.integer]]:
    return pa.array(column, pa.string(), from_pandas=True), np.arange(len(column))


class _Texts:
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


class _Plain:
    """Rows in which nothing is odd, read off their columns."""

    def __init__(self, portion: Portion, job: Job, whole: Whole) -> None:
        assert portion.data is not None
        self.portion, self.data, self.job, self.plan, self.whole = portion, portion.data, job, job.plan, whole
        self.odd = np.zeros(len(portion.numbers), dtype=bool)

    def fill(self, given: _Given) -> NDArray[np.bool_]:
        """Write the rows in which nothing is odd into their portion; returns which."""
        if self.portion.rejects is not None:
            self.odd |= np.isin(self.portion.numbers, self.portion.rejects["row"])
        x, y = self._place()
        accuracy, at = self._accuracy(), self._at()
        texts = {name: self._text(name) for name in given.texts}
        plain = ~self.odd
        rows = np.flatnonzero(plain)
        self._count(x[rows], y[rows], at[rows])
        to = self.portion.numbers[rows] - self.portion.first
        given.x[to], given.y[to] = x[rows], y[rows]
        given.accuracy[to], given.at[to], given.there[to] = accuracy[rows], at[rows], True
        for name, found in texts.items():
            if found is not None:
                words, where = found
                given.texts[name].put(to, words, where[rows])
        reasons = given.texts["no_location"].at[to] >= 0
        given.x[to[reasons]] = given.y[to[reasons]] = np.nan
        return plain

    def _column(self, name: str) -> pa.ChunkedArray | None:
        return self.data.column(self.plan.found[name]) if name in self.plan.found else None

    def _text(self, name: str) -> tuple[pa.Array, NDArray[np.integer]] | None:
        """Words without blanks at their ends, and which of them each row has; None for a column that is not there."""
        column = self._column(name)
        if column is None:
            return None
        column = compact(column)  # a row group's words, of which a portion has some
        if pa.types.is_integer(column.type):
            column = column.cast(pa.string())
        many = name == "id"
        if pa.types.is_dictionary(column.type) and many:
            column = column.dictionary_decode()
        elif not many and not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode() if _is_text(column.type) else column
        words = column if many else getattr(column, "dictionary", column)
        if not _is_text(words.type):
            self.odd[:] = True
            return None
        words = pc.utf8_trim_whitespace(words.cast(pa.string()))
        at = np.arange(len(words)) if many else column.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
        wrong = pc.fill_null(pc.match_substring(words, "\x00"), False).to_numpy(zero_copy_only=False)
        if name == "class":
            ours = self.job.classes_of([word or "" for word in words.to_pylist()])
            wrong = wrong | np.array([word is None for word in ours], dtype=bool)
            words = pa.array(ours, pa.string())
        elif name == "no_location":
            wrong = wrong | ~np.isin(np.array([w or "" for w in words.to_pylist()], dtype=object), WORDS[name])
        self.odd |= np.append(wrong, False)[at]
        return words, at

    def _accuracy(self) -> NDArray[np.float64]:
        column = self._column("accuracy_m")
        if column is None:
            return np.full(len(self.odd), np.nan)
        values = self._number(column, "accuracy_m")
        self.odd |= np.isinf(values) | (values < 0) | (values >= MAX_ACCURACY_M)
        return values

    def _number(self, column: pa.ChunkedArray, field_: str) -> NDArray[np.float64]:
        """Numbers; NaN where missing."""
        if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
            return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
        faults = Faults(self.portion.numbers)
        series = column.to_pandas()
        made = number(series, field_, field_, faults).to_numpy(dtype=np.float64)
        self.odd |= faults.bad
        return made

    def _at(self) -> NDArray[np.datetime64]:
        column = self._column("reported_at")
        nothing = np.full(len(self.odd), np.datetime64("NaT", "us"))
        if column is None or column.null_count == len(column):
            return nothing
        if pa.types.is_timestamp(column.type) and column.type.tz is not None:
            stamps = np.asarray(column.to_numpy())
            far = beyond(stamps)
            self.odd |= far
            return np.where(far, nothing, stamps.astype("datetime64[us]"))
        if not _is_text(column.type):
            self.odd[:] = True
            return nothing
        their, source, faults = self.plan.found["reported_at"], self.plan.source, Faults(self.portion.numbers, Whole())
        told = text(column.to_pandas())
        zone = source.time_zone or self.plan.city.time_zone
        made = instants(told, their, faults, zone=zone, formats=source.date_formats("reported_at"), where="")
        self.odd |= faults.bad
        return made.dt.tz_localize(None).to_numpy().astype("datetime64[us]")

    def _place(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Metres of the city's CRS; what is not a place inside the city is odd."""
        plan, n = self.plan, len(self.odd)
        if plan.where.kind == "geometry" and self.portion.wkb is not None:
            x, y = _points(self.portion.wkb)
        elif plan.where.kind in ("lonlat", "xy"):
            x, y = (self._number(self.data.column(name), name) for name in plan.where.columns)
        else:
            x, y = np.full(n, np.nan), np.full(n, np.nan)
        there = np.isfinite(x) & np.isfinite(y)
        if is_degrees(plan.crs):
            there &= (np.abs(x) <= 180) & (np.abs(y) <= 90)
        x, y = np.where(there, x, np.nan), np.where(there, y, np.nan)
        if there.any():
            x[there], y[there] = to_city(x[there], y[there], plan.crs, plan.city.srid)
        west, south, east, north = city_box(plan.city)
        self.odd |= ~((x >= west) & (x <= east) & (y >= south) & (y <= north))
        return x, y

    def _count(self, x: NDArray[np.float64], y: NDArray[np.float64], at: NDArray[np.datetime64]) -> None:
        """Count the plain rows for their file, as the judgement of all rows would: default points are no places."""
        spot = np.zeros(len(x), dtype=bool)
        for px, py in self.job.snapshot.default_points_mm / 1000.0:
            spot |= (x - px) ** 2 + (y - py) ** 2 <= 1.0
        self.whole.count("types", 0, len(x))
        self.whole.count("place", 0, int((~spot).sum()))
        if "reported_at" in self.plan.found:
            self.whole.count(f"dates of {self.plan.found['reported_at']}", 0, int((~np.isnat(at)).sum()))


def _points(wkb: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates of WKB points (two-dimensional, little-endian); NaN for whatever else stands there."""
    wkb = getattr(wkb, "storage", wkb)
    n = len(wkb)
    x, y = np.full(n, np.nan), np.full(n, np.nan)
    if not (pa.types.is_binary(wkb.type) or pa.types.is_large_binary(wkb.type)) or not n:
        return x, y
    offset = np.int32 if pa.types.is_binary(wkb.type) else np.int64
    buffers = wkb.buffers()
    ends = np.frombuffer(buffers[1], dtype=offset)[wkb.offset : wkb.offset + n + 1].astype(np.int64)
    point = (np.diff(ends) == WKB_POINT.itemsize) & wkb.is_valid().to_numpy(zero_copy_only=False)
    if not point.any():
        return x, y
    bytes_ = np.frombuffer(buffers[2], dtype=np.uint8)
    if point.all():
        found = bytes_[ends[0] : ends[-1]].view(WKB_POINT)
    else:
        found = bytes_[ends[:-1][point][:, None] + np.arange(WKB_POINT.itemsize)].view(WKB_POINT).ravel()
    plain = (found["order"] == 1) & (found["type"] == 1)
    x[point], y[point] = np.where(plain, found["x"], np.nan), np.where(plain, found["y"], np.nan)
    return x, y


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


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


def nothing() -> NDArray[np.int64]:
    """Counts of no answer."""
    return np.zeros((len(RULES), len(REASONS)), dtype=np.int64)


def counted(done: Resolution, there: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """How many were answered how, as in `Told`; of all, or of some rows."""
    answered = done.rule >= 0 if there is None else there & (done.rule >= 0)
    both = done.rule[answered].astype(np.int64) * len(REASONS) + done.reason[answered]
    return np.bincount(both, minlength=len(RULES) * len(REASONS)).reshape(len(RULES), len(REASONS))


def tally(counts: NDArray[np.int64]) -> pd.DataFrame:
    """Counts of `Told` as ``rule``, ``reason``, ``cases``: most first, then by name."""
    rule, reason = np.nonzero(counts)
    frame = pd.DataFrame(
        {
            "rule": pd.Series([RULES[r] for r in rule], dtype="str"),
            "reason": pd.Series([REASONS[r] for r in reason], dtype="str"),
            "cases": counts[rule, reason],
        }
    )
    return frame.sort_values(["cases", "rule", "reason"], ascending=[False, True, True], ignore_index=True)
