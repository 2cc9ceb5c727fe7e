"""The class catalogue: classes of components and events in all editions, and what is known of each.

Three numberings are alive at once (2007, 2013, 2026), so a class always carries its edition and kind. Cities
outside China have classes of their own beside or instead of them: ``Catalog(classes)`` takes any table.
The tables are rows in ``data/``: ``classes.csv``, ``class_notes.csv``, ``crosswalk.csv``, ``limits.csv``,
``limits_rejected.csv``, ``responsible_bodies.csv``; ``english.csv`` has our translations of Chinese names of major
classes, and of classes that have no English name in their table. How classes are chosen by text: `grids.filters`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from grids.codes import ClassCode, parse_class
from grids.codes_array import text_column
from grids.errors import InputError
from grids.filters import filter_items, filter_text
from grids.nearmiss import suggest, tidy
from grids.shipped import read_table, terms

__all__ = [
    "CLASS_COLUMNS",
    "MATCHES",
    "Catalog",
    "Counterpart",
    "catalog",
    "filter_items",
    "filter_text",
]

CLASS_COLUMNS = (
    "edition",
    "kind",
    "code",
    "major_code",
    "major_name",
    "minor_code",
    "name_zh",
    "name_en",
    "source",
)
"""Columns of `Catalog.classes`, all text, "" where missing."""

MATCHES = {
    "same": "same number and same name",
    "similar": "same number, similar name",
    "moved": "same thing under another number",
    "different": "same number, another thing",
    "none": "no counterpart",
}
"""Kinds of match in the crosswalk 2013 -> 2026; only the first three make a counterpart."""

_TAKEN = ("same", "similar", "moved")
_NAMED = ("edition", "kind", "code")
_KIND = re.compile(r"(\w+):([CE])(.*)", re.DOTALL)


@dataclass(frozen=True)
class Counterpart:
    """The 2026 class of a class: its text or "", the match (a key of `MATCHES`, or "" without a crosswalk) and why."""

    text: str
    match: str
    why: str


class Catalog:
    """Classes and what is known of them. Made once, never changed: positions in `classes` are its handles.

    Parameters
    ----------
    classes
        One row a class with at least edition, kind (C or E) and code; further columns of `CLASS_COLUMNS` are
        empty where missing, any others are dropped.
    crosswalk
        Columns kind, code_2013, code_2026, match as in ``data/crosswalk.csv``; rows whose classes are not in
        ``classes`` play no part.
    limits, bodies
        Time limits and responsible bodies as in ``data/``.

    Attributes
    ----------
    classes, crosswalk, limits, bodies : DataFrame
    texts : object array of str
        ``edition:kind+code`` of each row of ``classes``.
    to_2026 : int array
        For each class the position of its 2026 class (its own when it is of 2026), -1 where there is none.

    Raises
    ------
    InputError
        When a column is missing, a kind is neither C nor E, a text is empty, or a class stands there twice.
    """

    def __init__(
        self,
        classes: pd.DataFrame,
        crosswalk: pd.DataFrame | None = None,
        *,
        limits: pd.DataFrame | None = None,
        bodies: pd.DataFrame | None = None,
    ) -> None:
        missing = [name for name in _NAMED if name not in classes.columns]
        if missing:
            raise InputError(f"columns {', '.join(missing)} are missing", where="classes")
        table = pd.DataFrame({name: _texts(classes, name) for name in CLASS_COLUMNS})
        ours = table["name_zh"].map(terms()).fillna("")
        table["name_en"] = table["name_en"].where(table["name_en"] != "", ours)
        for bad, what in (
            (~table["kind"].isin(["C", "E"]), "has a kind that is neither C nor E"),
            ((table["edition"] == "") | (table["code"] == ""), "has no edition or no code"),
            (~table["edition"].str.fullmatch(r"\w*"), "has an edition of other signs than letters, digits and _"),
            (table.duplicated(list(_NAMED)), "stands there twice"),
        ):
            if bad.any():
                first = table[bad].iloc[0]
                raise InputError(f"class {first['edition']}:{first['kind']}{first['code']} {what}", where="classes")
        self.classes = table
        self.texts = (table["edition"] + ":" + table["kind"] + table["code"]).to_numpy(dtype=object)
        self.editions: tuple[str, ...] = tuple(sorted(table["edition"].unique()))
        self.crosswalk = _empty("kind code_2013 code_2026 match") if crosswalk is None else crosswalk
        self.limits = _empty("edition kind code condition_no limit unit") if limits is None else limits
        self.bodies = _empty("edition kind code disposal_units") if bodies is None else bodies
        self._keys = pa.array(self.texts, pa.large_string())
        self._place = {text: i for i, text in enumerate(self.texts)}
        majors = table["edition"] + ":" + table["kind"] + table["major_code"]
        self._major = majors.where(table["major_code"] != "", "").to_numpy(dtype=object)
        self._major_names = dict(zip(self._major, table["major_name"], strict=True))
        self.to_2026 = self._counterparts()
        self._filters: dict[str, tuple[NDArray[np.bool_], int]] = {}

    def __len__(self) -> int:
        return len(self.classes)

    def _counterparts(self) -> NDArray[np.int64]:
        out = np.where(self.classes["edition"] == "2026", np.arange(len(self)), -1)
        walk = self.crosswalk[self.crosswalk["match"].isin(_TAKEN)]
        for kind, old, new in zip(walk["kind"], walk["code_2013"], walk["code_2026"], strict=True):
            place = self._place.get(f"2013:{kind}{old}", -1)
            if place >= 0:
                out[place] = self._place.get(f"2026:{kind}{new}", -1)
        return out

    def index(self, texts: Any, *, edition: str | None = None) -> NDArray[np.int64]:
        """Positions of classes in `classes`, -1 where unknown or missing.

        Parameters
        ----------
        texts
            Any column of class texts, as ``2026:C01001``.
        edition
            Where given, texts without a colon are of it: ``C01001``.

        Examples
        --------
        >>> catalog().index(["2026:C01001", "2026:C99999", ""])[1:]
        array([-1, -1])
        """
        column = text_column(texts)
        if edition is not None:
            text = pa.large_string()
            bare = pc.binary_join_element_wise(pa.scalar(f"{edition}:", text), column, pa.scalar("", text))
            column = pc.if_else(pc.match_substring(column, ":"), column, bare)
        found = pc.index_in(column, value_set=self._keys)
        return found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)

    def find(self, text: str, *, edition: str | None = None, kind: str | None = None) -> ClassCode:
        """Read a class code and make sure that the class exists.

        Raises
        ------
        InputError
            With the nearest classes, and the counterpart when the code is of another edition.

        Examples
        --------
        >>> str(catalog().find("06010"))
        '2026:E06010'
        >>> catalog().find("2026:C0110")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        grids.errors.InputError: ...is no class; did you mean 2026:C01010 (once 2013:C0110) or 2013:C0110...
        """
        try:
            code = parse_class(text, edition=edition, kind=kind)
        except InputError as error:
            right = self._meant(text, edition)
            if not right:
                raise
            raise InputError(f"{text!r} is no class", right=right) from error
        if str(code) not in self._place:
            right = self._meant(str(code)) or f"editions are {', '.join(self.editions)}"
            raise InputError(f"{code} is not in the catalogue", right=right)
        return code

    def check_class(self, texts: Any, *, edition: str | None = None) -> NDArray[np.object_]:
        """Check a column of class codes, as `index` reads them: one fault for each, "" for none or a missing code."""
        coded = text_column(texts).dictionary_encode()
        said = []
        for text, place in zip(
            coded.dictionary.to_pylist(), self.index(coded.dictionary, edition=edition), strict=True
        ):
            if place >= 0 or not text:
                said.append("")
                continue
            right = self._meant(text, edition)
            said.append(f"is not in the catalogue{'; ' if right else ''}{right}")
        return np.array(said or [""], dtype=object)[coded.indices.to_numpy()]

    def suggest(self, text: str, *, edition: str | None = None, n: int = 3) -> list[str]:
        """What was probably meant by an unknown class code: slips, and codes of another edition.

        A code whose digits are of another edition gives that one, newest edition first, and before it its
        counterpart; then come the same code as the other kind, and slips.

        Examples
        --------
        >>> catalog().suggest("2026:C0101", n=2)
        ['2026:C01001', '2013:C0101']
        >>> catalog().suggest("2026:C010O1", n=1)
        ['2026:C01001']
        """
        plain = tidy(text)
        if ":" not in plain and edition:
            plain = f"{edition}:{plain}"
        if plain in self._place:
            return [plain]
        wanted = plain.partition(":")[0]
        known = self.texts[(self.classes["edition"] == wanted).to_numpy()] if wanted in self.editions else self.texts
        near = [one for pair in self._elsewhere(plain) for one in pair if one]
        near += [one for other in reversed(self.editions) if (one := f"{other}:{plain}") in self._place]
        split = _KIND.fullmatch(plain)
        other_kind = f"{split[1]}:{'E' if split[2] == 'C' else 'C'}{split[3]}" if split else ""
        near += [other_kind] if other_kind in self._place else []
        return list(dict.fromkeys([*near, *suggest(plain, known.tolist(), n=n)]))[:n]

    def _elsewhere(self, text: str) -> list[tuple[str, str]]:
        """Classes of other editions with this kind and code, newest first, each behind its 2026 counterpart."""
        split = _KIND.fullmatch(text)
        out = []
        for other in reversed(self.editions):
            place = self._place.get(f"{other}:{split[2]}{split[3]}", -1) if split and other != split[1] else -1
            if split and place >= 0:
                turned = int(self.to_2026[place]) if split[1] == "2026" else -1
                out.append((str(self.texts[turned]) if turned >= 0 else "", str(self.texts[place])))
        return out

    def _meant(self, text: str, edition: str | None = None) -> str:
        """The hint of an error: "did you mean …?", or "" without a near class."""
        near = self.suggest(text, edition=edition)
        plain = tidy(text) if ":" in text or not edition else f"{edition}:{tidy(text)}"
        once = {new: old for new, old in self._elsewhere(plain) if new}
        said = [f"{one} (once {once[one]})" if one in once else one for one in near]
        return f"did you mean {' or '.join(said)}?" if said else ""

    def counterpart(self, text: str) -> Counterpart:
        """The class of 2026 that a class has become, or why there is none.

        Examples
        --------
        >>> catalog().counterpart("2013:C0506")
        Counterpart(text='2026:C01069', match='moved', why='same thing under another number')
        >>> catalog().counterpart("2007:C0101").why
        'edition 2007 has no crosswalk to 2026: none is published'
        """
        code = self.find(text)
        place = int(self.to_2026[self._place[str(code)]])
        if code.edition == "2026":
            return Counterpart(str(code), "same", "it is of 2026")
        if code.edition != "2013":
            return Counterpart("", "", f"edition {code.edition} has no crosswalk to 2026: none is published")
        rows = self.crosswalk[(self.crosswalk["kind"] == code.kind) & (self.crosswalk["code_2013"] == code.code)]
        if not len(rows):
            return Counterpart("", "none", "the crosswalk does not name it")
        row = rows.iloc[0]
        why = MATCHES[row["match"]]
        if row["match"] == "different":
            why += f": 2026:{code.kind}{row['code_2026']} is {self.name(f'2026:{code.kind}' + row['code_2026'])}"
        return Counterpart(str(self.texts[place]) if place >= 0 else "", row["match"], why)

    def name(self, text: str) -> str:
        """Name of a class (``2026:C01001``) or major class (``2026:C01``), "" when unknown.

        Examples
        --------
        >>> catalog().name("2026:C01001"), catalog().name("2026:E06"), catalog().name("2026:C")
        ('供水井盖 Water supply manhole cover', '市容环境类', '')
        """
        place = self._place.get(text, -1)
        if place < 0:
            return self._major_names.get(text, "") if text else ""
        row = self.classes.iloc[place]
        return " ".join(name for name in (row["name_zh"], row["name_en"]) if name)

    def english(self, text: str) -> str:
        """Name of a class or major class in English; the name that it has where there is none, "" when unknown.

        Examples
        --------
        >>> catalog().english("2007:C0114"), catalog().english("2026:E06")
        ('Ownerless manhole cover', 'City appearance and environment')
        """
        place = self._place.get(text, -1)
        if place >= 0:
            row = self.classes.iloc[place]
            return str(row["name_en"] or row["name_zh"])
        name = self._major_names.get(text, "") if text else ""
        return terms().get(name, name)

    def matches(self, filter_text: str) -> NDArray[np.bool_]:
        """Which classes a filter takes, over the rows of `classes`.

        Raises
        ------
        InputError
            When the filter is empty, its quotes do not match, or an item is unknown.

        Examples
        --------
        >>> int(catalog().matches("2026:E10 2026:C01001").sum())
        3
        """
        return self._filter(filter_text)[0].copy()

    def level(self, filter_text: str) -> int:
        """How broad a filter is: 0 only classes, 1 a major class, 2 a kind, 3 everything; the broadest item counts.

        Examples
        --------
        >>> [catalog().level(text) for text in ("2026:C01001", "2026:C01001 2026:E06", "C", "*")]
        [0, 1, 2, 3]
        """
        return self._filter(filter_text)[1]

    def _filter(self, filter_text: str) -> tuple[NDArray[np.bool_], int]:
        known = self._filters.get(filter_text)
        if known is None:
            taken, level = np.zeros(len(self), dtype=bool), 0
            whole = filter_text.strip()
            for item in [whole] if whole in self._place else filter_items(filter_text):
                mask, broad = self._item(item)
                taken |= mask
                level = max(level, broad)
            known = self._filters[filter_text] = (taken, level)
        return known

    def _item(self, item: str) -> tuple[NDArray[np.bool_], int]:
        if item == "*":
            return np.ones(len(self), dtype=bool), 3
        if item in ("C", "E"):
            return (self.classes["kind"] == item).to_numpy(dtype=bool), 2
        place = self._place.get(item, -1)
        if place >= 0:
            return np.arange(len(self)) == place, 0
        split = _KIND.fullmatch(item)
        if split and not split[3] and split[1] in self.editions:
            here = (self.classes["edition"] == split[1]) & (self.classes["kind"] == split[2])
            return here.to_numpy(dtype=bool), 2
        if item in self._major_names:
            return self._major == item, 1
        groups = suggest(item, [one for one in self._major_names if one])
        group = f"did you mean {' or '.join(groups)}?" if groups else ""
        right = group or self._meant(item) if len(item) < 10 else self._meant(item) or group
        right = right or "write *, C, 2026:E, 2026:E06 or 2026:E06010"
        raise InputError(f"{item!r} is no class or group of classes", where="class filter", right=right)


@cache
def catalog() -> Catalog:
    """The catalogue of the editions 2007, 2013 and 2026, read once. Do not change its tables."""
    return Catalog(
        read_table("classes"),
        read_table("crosswalk"),
        limits=read_table("limits"),
        bodies=read_table("responsible_bodies"),
    )


def _texts(table: pd.DataFrame, name: str) -> pd.Series:
    """A column as text, "" where a value or the whole column is missing; counted from 0."""
    if name not in table.columns:
        return pd.Series([""] * len(table), dtype="str")
    column = table[name].astype("object").reset_index(drop=True)
    return column.where(column.notna(), "").astype("str")


def _empty(columns: str) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype="str") for name in columns.split()})
