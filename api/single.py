"""One question in an address: who owns this spot, answered in full."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import orjson

from api.asked import (
    MAX_ACCURACY_M,
    MAX_TEXT,
    Asked,
    Faults,
    check_crs,
    check_known_at,
    first_us,
    in_language,
    read_cases,
    shown,
)
from api.instants import instant_us
from api.queries import read_query
from gis.answer import answer_text, explain
from gis.crs import is_degrees
from gis.one import One, read_one
from gis.snapshot import Snapshot

PARAMETERS = ("lon", "lat", "class", "component", "crs", "accuracy_m", "channel", "at", "known_at", "lang")
FAR = 1000.0
"""Numbers beyond this are metres, never degrees."""


class Question:
    """The values of a query, checked by themselves.

    Raises
    ------
    InputError
        Naming what is missing, no number, or too long.
    """

    __slots__ = ("accuracy_m", "at", "channel", "class_", "component", "crs", "known_at", "lang", "lat", "lon")

    def __init__(self, query: bytes) -> None:
        given = read_query(query, PARAMETERS)
        faults = Faults()
        self.lon = _number(given, "lon", faults)
        self.lat = _number(given, "lat", faults)
        self.accuracy_m = _number(given, "accuracy_m", faults) if "accuracy_m" in given else None
        self.class_, self.component = given.get("class", ""), given.get("component", "")
        self.channel = given.get("channel", "")
        for name in ("class", "component", "channel"):
            if len(given.get(name, "")) > MAX_TEXT:
                faults.add(name, f"is {shown(given[name])!r}; send at most {MAX_TEXT} characters")
        self.crs, self.at, self.known_at = given.get("crs", ""), given.get("at", ""), given.get("known_at", "")
        self.lang = given.get("lang", "")
        faults.stop()
        in_language(self.lang)

    def asked(self) -> dict[str, Any]:
        """The question as an answer tells it."""
        return {
            "lon": self.lon,
            "lat": self.lat,
            "crs": self.crs or "EPSG:4326",
            "class": self.class_,
            "component": self.component,
            **in_language(self.lang),
        }


def _number(given: dict[str, str], name: str, faults: Faults) -> float:
    text = given.get(name)
    if text is None:
        faults.add(name, "is missing")
        return 0.0
    try:
        value = float(text)
    except ValueError:
        faults.add(name, f"{shown(text)!r} is wrong, it is no number")
        return 0.0
    if math.isnan(value) or (math.isinf(value) and name != "accuracy_m"):
        what, right = ("distance", "metres, or leave it out") if name == "accuracy_m" else ("coordinate", "a number")
        faults.add(name, f"{value} is no {what}; send {right}")
    return value


def answer_quickly(snapshot: Snapshot, question: Question) -> bytes | None:
    """The answer to a question with nothing unusual in it, in microseconds; None where `answer_any` must look."""
    case = _plain(snapshot, question)
    return None if case is None else answer_text(case, snapshot, question.asked())


def _plain(snapshot: Snapshot, asked: Question) -> One | None:
    """The case, where no value can be at fault: `answer_any` would give the same answer."""
    lon, lat, accuracy_m = asked.lon, asked.lat, asked.accuracy_m
    if asked.known_at or not (accuracy_m is None or 0 <= accuracy_m <= MAX_ACCURACY_M):
        return None
    system, degrees = _at_hand.get(asked.crs, (None, False))
    if degrees:
        west, south, east, north = snapshot.city.bounds
        if not (west <= lon <= east and south <= lat <= north):
            return None
    elif system is None or (abs(lon) < FAR and abs(lat) < FAR):
        return None
    at = instant_us(asked.at, snapshot.city.time_zone) if asked.at else time.time_ns() // 1000
    if at is None or at < first_us(snapshot):
        return None
    if asked.class_ and snapshot.class_of(asked.class_) < 0:
        return None
    case = read_one(
        snapshot,
        lon,
        lat,
        asked.class_,
        crs=system,
        component=asked.component,
        at_us=at,
        accuracy_m=accuracy_m,
        channel=asked.channel,
    )
    return None if case.component < 0 and asked.component else case


# coordinate systems that were asked for before, and whether they are in degrees; to look up a new one takes long
_at_hand: dict[str, tuple[Any, bool]] = {}
_MOST_AT_HAND = 256


def answer_any(snapshot: Snapshot, asked: Question) -> bytes:
    """The answer to any question.

    Raises
    ------
    InputError
        Every value that is wrong, with what would be right.
    """
    check_known_at(snapshot, asked.known_at)
    cases = read_cases(
        snapshot,
        Asked(
            "one",
            {
                "lon": np.array([asked.lon]),
                "lat": np.array([asked.lat]),
                "accuracy_m": np.array([np.nan if asked.accuracy_m is None else asked.accuracy_m]),
                "class": [asked.class_],
                "component": [asked.component],
                "at": [asked.at],
                "channel": [asked.channel],
            },
        ),
        asked.crs,
    )
    if len(_at_hand) < _MOST_AT_HAND:
        system = check_crs(asked.crs)
        _at_hand[asked.crs] = system, is_degrees(system)
    return orjson.dumps(explain(cases, 0, snapshot, asked.asked()))
