"""Whose ground a map shows."""

from __future__ import annotations

from api.pages.frame_words import words
from gis.model import City


def credit(city: City, lang: str) -> str:
    """Text (not HTML) for the corner of a map."""
    return words(lang).get(f"credit.{city.key}", city.name)
