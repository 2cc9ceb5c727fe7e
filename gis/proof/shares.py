"""How sure an answer is, found by the checker in its own way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gis.proof.ground import Ground
from gis.proof.replay import Questions


def what_doubt_says(told: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """An answer without what its position error says of it, and that."""
    doubt: dict[str, Any] = {
        name: told.pop(name) for name in ("probability", "ask_first", "question", "changes") if name in told
    }
    listed = told.get("candidates")
    if isinstance(listed, list) and all(isinstance(one, dict) for one in listed):
        doubt["candidates"] = [one.get("probability", "nothing of it") for one in listed]
        told["candidates"] = [{k: v for k, v in one.items() if k != "probability"} for one in listed]
    return told, doubt


def check_doubt(
    ground: Ground, asked: Questions, i: int, wanted: dict[str, Any], doubt: dict[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    """What is wrong with the doubt of an answer."""
    for name, value in (("probability", None), ("ask_first", False), ("question", None), ("changes", [])):
        if doubt.get(name, "nothing of it") != value:
            yield name, doubt.get(name, "nothing of it"), value
    for k, told in enumerate(doubt.get("candidates", ())):
        if told is not None:
            yield f"candidates[{k}].probability", told, None
