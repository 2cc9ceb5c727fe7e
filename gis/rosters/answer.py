"""An answer put together: who is on duty, whom a case goes to, and where nobody is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from gis.rosters.chain import Step, chain
from gis.rosters.duty import Where, on_duty
from gis.rosters.gaps import Hole, holes


def tell(
    rosters: pd.DataFrame,
    where: Where,
    at: pd.Timestamp,
    *,
    departments: Mapping[str, tuple[str, str]] | None = None,
    tiers: tuple[int, ...] = (),
    zone: str = "UTC",
) -> dict[str, list[dict[str, Any]]]:
    """Return who is on duty at a place, the chain of escalation, and the holes, as values of JSON.

    Parameters
    ----------
    rosters, where, at
        As in `gis.rosters.on_duty`.
    departments
        Name and duty telephone by code: a step without a telephone of its own has its department's.
    tiers
        Tiers of chiefs that the city has.
    zone
        Time zone of the times in sentences; those in fields are UTC.

    Returns
    -------
    dict
        ``on_duty``, ``chain``, ``holes``: lists of dicts; None for what is not told.
    """
    known = departments or {}
    texts = rosters.select_dtypes("str").columns
    rosters = rosters.astype(dict.fromkeys(texts, object))  # looked at many times: plain texts are quick
    steps, broken = chain(rosters, where, at)
    found = holes(rosters, where, at, tiers=tiers)
    told = {_same(hole) for hole in found}
    found += [hole for hole in broken if _same(hole) not in told]
    return {
        "on_duty": [_person(row, known) for _, row in on_duty(rosters, where, at).iterrows()],
        "chain": [_step(step, known) for step in steps],
        "holes": [_hole(hole, zone) for hole in found],
    }


def _person(row: pd.Series, known: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    return {
        "kind": row["kind"] or None,
        "tier": None if pd.isna(row["tier"]) else int(row["tier"]),
        "role": row["role"] or None,
        "team": row["team"],
        "person": row["person"],
        "phone": row["phone"] or None,
        "department": row["department"] or None,
        "name": known.get(row["department"], ("", ""))[0] or None,
        "area_set": row["area_set"] or None,
        "area": row["area"] or None,
        "place_kind": row["place_kind"] or None,
        "place": row["place"] or None,
        "from": instant(row["valid_from"]),
        "to": instant(row["valid_to"]),
    }


def _step(step: Step, known: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    name, phone = known.get(step.department, ("", ""))
    told = {key: value if value != "" else None for key, value in asdict(step).items()}
    return told | {"name": name or None, "phone": step.phone or phone or None}


def _hole(hole: Hole, zone: str) -> dict[str, Any]:
    follows = {"team": hole.next_team, "person": hole.next_person, "from": instant(hole.end)}
    return {
        "what": hole.sentence(zone),
        "kind": hole.kind or None,
        "tier": hole.tier,
        "team": hole.team or None,
        "area_set": hole.area_set or None,
        "area": hole.area or None,
        "place_kind": hole.place_kind or None,
        "place": hole.place or None,
        "from": instant(hole.begin),
        "to": instant(hole.end),
        "next": follows if hole.next_team else None,
    }


def instant(at: pd.Timestamp) -> str | None:
    """An instant as answers write it, None for NaT."""
    return None if pd.isna(at) else at.tz_convert("UTC").isoformat().replace("+00:00", "Z")


def _same(hole: Hole) -> tuple[Any, ...]:
    """Holes that are told once: of one team and time, or of one sentence."""
    return hole.lacking, hole.team, hole.begin, hole.end
