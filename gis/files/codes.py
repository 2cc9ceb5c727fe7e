"""Codes in a file: classes of any edition, unit grids, components, areas. Distinct texts are judged once."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
from grids.catalog import catalog

from gis.files.faults import Faults
from gis.model import City
from grids.codes import check_component, check_unit, parse_class
from grids.errors import WanmiError

DIGITS = {"district": 6, "street": 9, "community": 12}
"""Digits of the administrative codes by area set, in a city with Chinese codes."""

GROUPS = re.compile(r"\*|[CE]|\w+:[CE]\w*")


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
    edition = edition or city.edition
    own = edition not in catalog().editions

    def judge(text: str) -> tuple[str, str]:
        if own and not re.match(r"(2007|2013|2026):", text):
            text = text if text.startswith(f"{edition}:") else f"{edition}:{kind or 'E'}{text}"
            return text, ""
        try:
            code = parse_class(text if not kind or ":" in text or text[:1] in "CE" else kind + text, edition=edition)
        except WanmiError as error:
            return text, str(error)
        return str(code), ""

    def judge_group(text: str) -> tuple[str, str]:
        return (text, "") if re.fullmatch(r"\w+:[CE](\d\d)?", text) else judge(text)

    out, fault = once(column, judge_group if groups else judge)
    faults.add((fault != "").to_numpy(dtype=bool), name, column, fault)
    return out


def class_filter(column: pd.Series, name: str, city: City, faults: Faults, *, edition: str = "") -> pd.Series:
    """What a zone takes, words with blanks between: ``*``, ``C``, ``2026:E06010``; bare ones get the edition."""
    edition = edition or city.edition

    def judge(text: str) -> tuple[str, str]:
        words = [
            word if word in ("*", "C", "E") or ":" in word else f"{edition}:{word}"
            for word in re.split(r"[\s,;]+", text)
            if word
        ]
        wrong = [word for word in words if not GROUPS.fullmatch(word)]
        if not wrong:
            wrong = [word for word in words if re.match(r"(2007|2013|2026):[CE]\w{3,}$", word) and _is_unknown(word)]
        return " ".join(words), f"{wrong[0]!r} is no class; write *, C, 2026:E06 or 2026:E06010" if wrong else ""

    out, fault = once(column, judge)
    faults.add((fault != "").to_numpy(dtype=bool), name, column, fault)
    return out


def _is_unknown(word: str) -> bool:
    try:
        parse_class(word)
    except WanmiError:
        return True
    return False


def identifiers(column: pd.Series, name: str, layer: str, city: City, sets: pd.Series | None, faults: Faults) -> None:
    """Check the codes of things against the city's scheme; a city with free codes takes any text."""
    if city.codes == "free":
        return
    there = (column != "").to_numpy(dtype=bool)
    if layer == "units":
        faults.add(there & (check := _told(check_unit(column.to_numpy()))).astype(bool), name, column, check)
    elif layer == "components":
        faults.add(there & (check := _told(check_component(column.to_numpy()))).astype(bool), name, column, check)
    elif layer == "areas" and sets is not None:
        for set_, digits in DIGITS.items():
            wrong = there & (sets == set_).to_numpy() & ~column.str.fullmatch(rf"\d{{{digits}}}").to_numpy(dtype=bool)
            faults.add(wrong, name, column, f"is no {set_} code of {digits} digits")


def _told(faults: object) -> np.ndarray:
    return np.asarray(faults, dtype=object)
