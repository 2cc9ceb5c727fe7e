"""Codes in a file: classes of any edition, unit grids, components, areas. Distinct texts are judged once."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from gis.files.faults import Faults
from gis.model import City
from grids.catalog import catalog, filter_items, filter_text
from grids.codes import parse_class
from grids.codes_array import check_component, check_unit
from grids.errors import InputError

DIGITS = {"district": 6, "street": 9, "community": 12}
"""Digits of the administrative codes by area set, in a city with Chinese codes."""

GROUP = re.compile(r"\w+:[CE](\d\d)?")


def once(column: pd.Series, judge: Callable[[str], tuple[str, str]]) -> tuple[pd.Series, pd.Series]:
    """Judge each distinct text once; "" is not judged.

    Parameters
    ----------
    judge
        text -> (what to write instead, fault or "").
    """
    known = {text: judge(text) if text else ("", "") for text in column.unique()}
    return (
        column.map({text: new for text, (new, _) in known.items()}).astype("str"),
        column.map({text: fault for text, (_, fault) in known.items()}).astype("str"),
    )


def classes(
    column: pd.Series, name: str, city: City, faults: Faults, *, edition: str = "", kind: str = "", groups: bool = False
) -> pd.Series:
    """Class codes as ``edition:kind+code``.

    A city with an edition of its own takes any text as a class of it. An edition of the catalogue takes what the
    catalogue has; a code of another edition is a fault that says which.

    Parameters
    ----------
    edition, kind
        Of bare codes; "" for the city's edition, and for the kind that the code tells.
    groups
        True where a group may stand for its classes (rules): a kind or a major class.
    """
    edition, book = edition or city.edition, catalog()

    def judge(text: str) -> tuple[str, str]:
        try:
            return _class(text), ""
        except InputError as error:
            what = error.what.removeprefix(f"{text!r} ").removeprefix(f"{text} ")
            return text, "; ".join(part for part in (what, error.right) if part)

    def _class(text: str) -> str:
        told = re.match(r"(\w+):[CE]", text)
        if groups and GROUP.fullmatch(text if told else f"{edition}:{text}"):
            return text if told else f"{edition}:{text}"
        if (told[1] if told else edition) in book.editions:
            return str(book.find(text, edition=edition, kind=None if told else kind or None))
        return str(parse_class(text if told else f"{edition}:{kind or 'E'}{text}"))

    out, fault = once(column, judge)
    faults.add((fault != "").to_numpy(dtype=bool), name, column, fault)
    return out


def class_filter(column: pd.Series, name: str, city: City, faults: Faults, *, edition: str = "") -> pd.Series:
    """What a zone takes, items with blanks between: ``*``, ``C``, ``2026:E06010``; bare ones get the edition."""
    edition, book = edition or city.edition, catalog()

    def bare(item: str) -> str:
        if item in ("*", "C", "E") or ":" in item:
            return item
        return str(book.find(item, edition=edition)) if item.isdigit() else f"{edition}:{item}"

    def judge(text: str) -> tuple[str, str]:
        try:
            items = [bare(item) for item in filter_items(text)]
            for item in items:
                if item.partition(":")[0] in book.editions:
                    book.level(filter_text([item]))
                elif not re.match(r"\*$|[CE]$|\w+:[CE]", item):
                    raise InputError(f"{item!r} is no class", right="write *, C, 2026:E06 or 2026:E06010")
        except InputError as error:
            return text, "; ".join(part for part in (error.what, error.right) if part)
        return filter_text(items), ""

    out, fault = once(column, judge)
    faults.add((fault != "").to_numpy(dtype=bool), name, column, fault)
    return out


def identifiers(out: pd.DataFrame, name: str, layer: str, city: City, faults: Faults) -> None:
    """Check the codes of things against the city's scheme; a city with free codes takes any text.

    Parameters
    ----------
    out
        Columns of the layer, class codes in their one form.
    name
        What the file calls the column.
    """
    if city.codes == "free":
        return
    column = out["code"]
    if layer == "units":
        fault = check_unit(column, scheme=city.codes, of_community=out["community"])
        faults.add(fault != "", name, column, fault)
    elif layer == "components":
        fault = check_component(column, of_class=out["class"].mask(faults.bad, ""), of_unit=out["unit"])
        faults.add(fault != "", name, column, fault)
    elif layer == "areas":
        there = (column != "").to_numpy(dtype=bool)
        for set_, digits in DIGITS.items():
            wrong = there & (out["set"] == set_).to_numpy() & ~column.str.fullmatch(rf"\d{{{digits}}}").to_numpy(bool)
            faults.add(np.asarray(wrong), name, column, f"is no {set_} code of {digits} digits")
