"""Whose ground a map shows, in the page's language."""

from __future__ import annotations

from api.pages.frame_words import words
from api.pages.latin import english
from gis.model import City


def city_name(city: City, lang: str) -> str:
    """The city's name; in English in Latin letters."""
    return english(city.name) if lang == "en" else city.name


def credit(city: City, lang: str) -> str:
    """Text (not HTML) for the corner of a map."""
    return words(lang).get(f"credit.{city.key}", city_name(city, lang))


def in_english(name: str) -> str:
    """A name for English readers where its kind has an English word; else as it is: nobody knows it spelt out."""
    spelt = english(name)
    return spelt if " " in spelt else name
