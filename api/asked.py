"""Cases as someone asked for them, checked once, whatever form they came in; then as the engine takes them.

A value that is wrong is noted with its row. A single case is refused for it; in a batch that row alone has no answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from api.instants import fault_of, parse_instants, read_instant
from gis.assign import Cases
from gis.convert import MOST_MEANT, Distinct, distinct, unknown_class
from gis.crs import is_degrees, parse_crs
from gis.model import City
from gis.snapshot import Snapshot
from gis.wording import LANGUAGES
from grids.catalog import catalog
from grids.codes import CLASS_DIGITS, check_component
from grids.errors import InputError

NUMBERS = ("lon", "lat", "accuracy_m")
TEXTS = ("class", "component", "at", "channel", "id")
KNOWN = (*NUMBERS, *TEXTS)
REQUIRED = ("lon", "lat")
MAX_TEXT = 200
"""Longest text of a field; no code or time is near that long."""
MAX_ACCURACY_M = 100_000
"""Largest position error: beyond that a place says nothing of a city."""
MAX_FAULTS = 5
"""Faults that an error line spells out; the others are counted."""
_CRS = re.compile(r"(?i)(epsg:\s*\d{4,6}|[a-z][a-z0-9 _-]{2,11})")

Form = Literal["one", "rows", "columns", "arrow"]


@dataclass
class Faults:
    """Faults found so far, raised together."""

    found: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0

    def add(self, where: str, what: str) -> None:
        """Note a fault; only the first few are kept in words."""
        self.count += 1
        if len(self.found) < MAX_FAULTS:
            self.found.append((where, what))

    def stop(self) -> None:
        """Raise InputError when anything was found: the first place, every line."""
        if not self.found:
            return
        (where, what), others = self.found[0], self.found[1:]
        lines = [what, *(f"{w}: {t}" for w, t in others)]
        if more := self.count - len(self.found):
            lines.append(f"and {more} more")
        raise InputError(" | ".join(lines), where=where)


@dataclass
class Asked:
    """Cases as asked, shape (n,).

    ``columns`` has ``lon``, ``lat``, ``accuracy_m`` (float64, NaN missing); ``class``, ``component``, ``channel``
    (texts of any kind that `gis.convert.distinct` takes, "" missing); ``at`` (texts, or datetime64 with NaT missing);
    ``id`` only where the caller gave one, which comes back. ``faults`` names by row the fields that were wrong and why;
    such a value is missing in its column. ``hint`` says what looks wrong with all of them.
    """

    form: Form
    columns: dict[str, Any]
    faults: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    hint: str = ""

    def __len__(self) -> int:
        """Count of cases."""
        return len(self.columns["lon"])

    def where(self, i: int, name: str) -> str:
        """The place of a value in the caller's own words: ``class``, ``cases[3].class`` or ``class[3]``."""
        if self.form == "one":
            return name
        row = f"cases[{i}]" if self.form == "rows" else f"[{i}]"
        return f"{row}.{name}" if name and self.form == "rows" else f"{name}{row}" if name else row

    def blame(self, rows: NDArray[np.intp], name: str, what: Callable[[int], str]) -> None:
        """Note a fault of a field for each of these rows."""
        for i in rows.tolist():
            self.faults.setdefault(i, []).append((name, what(i)))

    def blame_words(self, words: Distinct, name: str, what: dict[int, str]) -> Distinct:
        """Note a fault for the rows of some words, which become missing."""
        if not what:
            return words
        wrong = np.zeros(len(words.words) + 1, dtype=bool)
        wrong[list(what)] = True
        wrong[-1] = False
        rows = np.flatnonzero(wrong[words.at])
        self.blame(rows, name, lambda i: what[int(words.at[i])])
        return Distinct(words.words, np.where(wrong[words.at], -1, words.at).astype(np.int32))

    def told(self) -> dict[int, str]:
        """What is wrong, a line for each row at fault."""
        return {
            row: "; ".join(f"{name}: {what}" if name else what for name, what in found)
            for row, found in sorted(self.faults.items())
        }

    def questions(self, crs: str | None, lang: str = "") -> list[dict[str, Any]]:
        """Each case as it was asked, for `gis.answer.explain`."""
        texts = {name: distinct(self.columns[name]) for name in ("class", "component")}
        out = []
        for i, (lon, lat) in enumerate(zip(self.columns["lon"].tolist(), self.columns["lat"].tolist(), strict=True)):
            place = {"lon": lon if math.isfinite(lon) else None, "lat": lat if math.isfinite(lat) else None}
            told = {name: (words.words[words.at[i]] or "") if words.at[i] >= 0 else "" for name, words in texts.items()}
            out.append({**place, "crs": crs or "EPSG:4326", **told, **in_language(lang)})
        return out

    def stop(self) -> None:
        """Raise InputError when any row is at fault."""
        faults = Faults()
        for row, found in sorted(self.faults.items()):
            for name, what in found:
                faults.add(self.where(row, name), what)
        faults.stop()


def in_language(lang: str) -> dict[str, str]:
    """The language of an answer's sentences as the question has it: nothing for English.

    Raises
    ------
    InputError
        A language that they are not written in.
    """
    if lang and lang not in LANGUAGES:
        raise InputError(f"{shown(lang, 20)!r} is none that is spoken here", where="lang", right=" or ".join(LANGUAGES))
    return {} if lang in ("", LANGUAGES[0]) else {"lang": lang}


def shown(text: str, most: int = 60) -> str:
    """A text that someone sent, short enough to be told back."""
    return text if len(text) <= most else text[:most] + "…"


def read_cases(snapshot: Snapshot, asked: Asked, crs: str | None, *, at: str = "", strict: bool = False) -> Cases:
    """Cases for the engine; those at fault are named in ``faults`` of what is returned.

    Parameters
    ----------
    snapshot
        The city that answers.
    asked
        One case, or many.
    crs
        Of the coordinates, None for WGS 84 degrees.
    at
        The instant of the rows that tell none, now when it is "".
    strict
        Refuse all for the fault of one row, as a single case always is.

    Raises
    ------
    InputError
        The crs or `at` is none, or a row is at fault and `strict`.
    """
    strict = strict or asked.form == "one"
    system, zone = check_crs(crs), snapshot.city.time_zone
    default = read_instant(at, zone, "at") or pd.Timestamp.now(tz="UTC")
    hint = check_places(asked, system, snapshot.city)
    if hint is not None and strict:
        raise hint
    asked.hint = "" if hint is None else str(hint)
    instants = _instants(asked, zone, default)
    _check_first(asked, snapshot, instants)
    classes = _classes(asked, snapshot)
    named = _known_lengths(asked, "component")
    channels = _known_lengths(asked, "channel") if "channel" in asked.columns else None
    cases = Cases.read(
        snapshot,
        asked.columns["lon"],
        asked.columns["lat"],
        classes,
        crs=system,
        components=named,
        at=instants,
        accuracy_m=asked.columns["accuracy_m"],
        channels=channels,
    )
    _check_components(asked, named, cases, snapshot.city)
    if strict:
        asked.stop()
    return cases.with_faults(asked.told()) if asked.faults else cases


def _known_lengths(asked: Asked, name: str) -> Distinct:
    """The texts of a field, those that are too long left out."""
    words = distinct(asked.columns[name])
    long = {
        k: f"is longer than {MAX_TEXT} characters" for k, word in enumerate(words.words) if len(word or "") > MAX_TEXT
    }
    return asked.blame_words(words, name, long)


def _instants(asked: Asked, zone: str, default: pd.Timestamp) -> Any:
    """An instant for each case, or one for all."""
    given = asked.columns["at"]
    if isinstance(given, np.ndarray) and given.dtype.kind == "M":
        fill = np.datetime64(default.tz_convert(None), "us")
        return np.where(np.isnat(given), fill, given)
    words = _known_lengths(asked, "at")
    texts = [word or "" for word in words.words]
    if not any(texts):
        return default
    stamps, wrong = parse_instants(texts, zone)
    words = asked.blame_words(words, "at", {k: fault_of(texts[k].strip()) for k in wrong})
    out = stamps.fillna(default).tz_convert(None).as_unit("us").to_numpy()
    return np.append(out, np.datetime64(default.tz_convert(None), "us"))[words.at]


def first_us(snapshot: Snapshot) -> int:
    """From when on anything is on record, microseconds since 1970 UTC: before, no answer would mean anything.

    The least int64 where something holds always, or nothing is on record at all.
    """
    kept = vars(snapshot)
    if "_first_us" not in kept:
        begins = [a for name, a in snapshot.arrays.items() if name.endswith(".begins") and len(a)]
        kept["_first_us"] = min((int(a.min()) for a in begins), default=int(np.iinfo(np.int64).min))
    return int(kept["_first_us"])


def _check_first(asked: Asked, snapshot: Snapshot, instants: Any) -> None:
    """Note the instants that are before all that is on record."""
    first = first_us(snapshot)
    if first == np.iinfo(np.int64).min:
        return
    one = isinstance(instants, pd.Timestamp)
    stamps = np.full(len(asked), instants.tz_convert(None)) if one else np.asarray(instants)
    early = np.flatnonzero(stamps.astype("datetime64[us]").astype(np.int64) < first)
    begin = pd.Timestamp(first, unit="us", tz="UTC").tz_convert(snapshot.city.time_zone).isoformat()
    told = f"is before the first record of {snapshot.city.name}; ask from {begin} on"
    asked.blame(early, "at", lambda i: f"{pd.Timestamp(stamps[i]).isoformat()}Z {told}")


def _classes(asked: Asked, snapshot: Snapshot) -> Distinct:
    """The classes; those that are unknown are told and left out."""
    words = _known_lengths(asked, "class")
    lost = np.flatnonzero(snapshot.class_index(words.words) < 0)
    unknown = [k for k in lost.tolist() if words.words[k]]
    told: dict[str, str] = {}  # few rows are not told apart
    for k in unknown:
        text = words.words[k]
        if text not in told:
            told[text] = class_fault(text, snapshot, meant=len(told) < MOST_MEANT)
    return asked.blame_words(words, "class", {k: told[words.words[k]] for k in unknown})


def class_fault(text: str, snapshot: Snapshot, *, meant: bool = True) -> str:
    """What is wrong with a class text: a code of another edition is told as that, else the nearest known ones."""
    if meant and snapshot.city.edition in CLASS_DIGITS:
        try:
            catalog().find(text, edition=snapshot.city.edition)
        except InputError as error:
            return str(error)
    return unknown_class(snapshot, shown(text), meant=meant)


def _check_components(asked: Asked, named: Distinct, cases: Cases, city: City) -> None:
    """A component that is not in the city is no fault, a code that can be none is."""
    if city.codes == "free" or not any(named.words):
        return
    lost = np.unique(named.at[(cases.component < 0) & (named.at >= 0)])
    lost = np.array([k for k in lost.tolist() if named.words[k]], dtype=np.intp)
    if not len(lost):
        return
    texts = np.array([named.words[k] for k in lost.tolist()], dtype=object)
    said: Any = check_component(texts, classes=catalog().texts)
    wrong = {k: f"{text!r} {what}" for k, text, what in zip(lost.tolist(), texts, said, strict=True) if what}
    asked.blame_words(named, "component", wrong)


# ---------------------------------------------------------------- the request as a whole


def check_known_at(snapshot: Snapshot, known_at: str | None) -> None:
    """A snapshot is one state of knowledge: any instant from its own on, until the next change, is that state."""
    asked = read_instant(known_at or "", snapshot.city.time_zone, "known_at")
    if asked is not None and asked < snapshot.known_at:
        raise InputError(
            f"{known_at} is before what this snapshot knows",
            where="known_at",
            right=f"ask from {snapshot.known_at.isoformat()} on, or the record itself",
        )


@lru_cache(maxsize=256)
def check_crs(crs: str | None) -> Any:
    """The coordinate system of a request, by default WGS 84; only names, no definitions, over HTTP."""
    if crs is None or crs == "":
        return "EPSG:4326"
    if not _CRS.fullmatch(crs.strip()):
        raise InputError(f"{crs[:60]!r} is no coordinate system we know", where="crs", right="EPSG:n, gcj02 or bd09")
    return parse_crs(crs)


def _told_with(value: NDArray[np.float64], what: str, i: int) -> str:
    return f"{value[i]:g} {what}"


def check_places(asked: Asked, crs: Any, city: City) -> InputError | None:
    """Note coordinates and errors that can be none; say what looks wrong with all places at once.

    Returns
    -------
    InputError or None
        No case lies in the city as given and some do when their two numbers change places; or all are degrees of
        the city and the system is not in degrees. Other places are the engine's to judge (beyond the city, default
        point, wrong datum).
    """
    lon, lat, accuracy = (asked.columns[n] for n in NUMBERS)
    for name, value in (("lon", lon), ("lat", lat), ("accuracy_m", accuracy)):
        asked.blame(np.flatnonzero(np.isinf(value)), name, lambda _: "is infinite")
    wrong = np.flatnonzero((accuracy < 0) & np.isfinite(accuracy))
    asked.blame(wrong, "accuracy_m", lambda i: f"{accuracy[i]:g} is below zero; give metres")
    wrong = np.flatnonzero((accuracy > MAX_ACCURACY_M) & np.isfinite(accuracy))
    asked.blame(wrong, "accuracy_m", lambda i: f"{accuracy[i]:g} is too large; give 0 to {MAX_ACCURACY_M:,} metres")
    asked.columns["accuracy_m"] = np.where(accuracy >= 0, accuracy, np.nan)
    west, south, east, north = city.bounds
    inside = (west <= lon) & (lon <= east) & (south <= lat) & (lat <= north)
    swapped = (west <= lat) & (lat <= east) & (south <= lon) & (lon <= north)
    bounds = f"{city.name} lies in longitude {west:g} to {east:g}, latitude {south:g} to {north:g}"
    if not is_degrees(crs):
        there = np.isfinite(lon) & np.isfinite(lat)
        if there.any() and (inside | swapped)[there].all():
            i = int(np.argmax(there))
            return InputError(
                f"lon {lon[i]:g}, lat {lat[i]:g} look like degrees, and {crs} is not in degrees",
                where=asked.where(i, "lon"),
                right=f"leave crs out (WGS 84), or send x and y of the crs: {bounds}",
            )
        return None
    for name, value, most in (("lon", lon, 180), ("lat", lat, 90)):
        # swapped places are answered as of the wrong datum
        wrong = np.flatnonzero((np.abs(value) > most) & np.isfinite(value) & ~swapped)
        beyond = f"is beyond ±{most}; send degrees, or name the crs: {bounds}"
        asked.blame(wrong, name, partial(_told_with, value, beyond))
    if swapped.any() and not inside.any():
        i = int(np.argmax(swapped))
        return InputError(
            f"lon {lon[i]:g}, lat {lat[i]:g} look swapped",
            where=asked.where(i, "lon"),
            right=f"send lon {lat[i]:g}, lat {lon[i]:g}: {bounds}",
        )
    return None
