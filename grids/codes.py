"""Codes: read, check and explain them. What exists is known to `grids.catalog`; here is how codes are built.

==============  =======================================================================================
unit grid       12 digits of the community (6 district, 3 street, 3 community) and a serial number of 3
                digits (15 in all, the present form) or 2 (14, older practice); cities outside China use
                any text
component       6 digits district, class digits (4 in 2013 and 2007, 5 in 2026), 6 digits serial number:
                16 or 17 in all
class           ``edition:kind+code``: ``2026:C01001``, ``2013:E0113``, ``baltimore:ETRT-Street Light``; kind C
                component (部件), E event (事件). The 2026 matters 01-05 (…异常) are of kind C
matter (事项)   2026 only: 6 digits district and 5 class digits; a class within a district, no case
case number     no national rule; two forms of running systems are known
==============  =======================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date

from grids.code_parts import CLASS_DIGITS, KINDS, LEVELS, AreaCode, CaseNumber, ClassCode, ComponentCode, UnitCode
from grids.codes_array import check_case_number, check_component, check_unit
from grids.errors import InputError
from grids.nearmiss import suggest, tidy

__all__ = [
    "CLASS_DIGITS",
    "AreaCode",
    "CaseNumber",
    "ClassCode",
    "ComponentCode",
    "UnitCode",
    "check_case_number",
    "check_component",
    "check_unit",
    "explain",
    "parse",
    "parse_area",
    "parse_case_number",
    "parse_class",
    "parse_component",
    "parse_unit",
    "suggest",
    "tidy",
]

_FULL = re.compile(r"(?P<edition>\w+):(?P<kind>[A-Za-z])(?P<code>.*)", re.DOTALL)
_CASE = re.compile(r"(?P<head>[CE]\d{4}|[A-Z]{2})(?P<day>\d{8})(?P<serial>\d{4})", re.ASCII)


def parse_class(text: str, *, edition: str | None = None, kind: str | None = None) -> ClassCode:
    """Read a class code; whether the class exists is for `grids.catalog.Catalog.find` to say.

    Parameters
    ----------
    text
        ``2026:C01001``; or bare, ``C01001`` or ``01001`` (in 2026 the digits tell the kind); or an 11-digit
        matter code of 2026, of which the district is dropped.
    edition
        Edition of a bare code: ``2007``, ``2013``, ``2026`` or a city's own.
    kind
        C or E for a bare code that does not say it.

    Raises
    ------
    InputError
        Saying what would be right.

    Examples
    --------
    >>> str(parse_class("2013:E0113")), str(parse_class("C0101", edition="2013")), str(parse_class("06010"))
    ('2013:E0113', '2013:C0101', '2026:E06010')
    >>> parse_class("C0101", edition="2026")
    Traceback (most recent call last):
    grids.errors.InputError: 'C0101' has 4 class digits, edition 2026 has 5; of another edition it is 2013:C0101
    """
    given = text = _text(text, "class code").strip()
    full = _FULL.fullmatch(text)
    if full:
        edition, kind, text = full["edition"], full["kind"], full["code"]
        if kind not in KINDS:
            raise _wrong(given, "does not say component or event", f"write {edition}:C… or {edition}:E…")
    elif edition is None or edition in CLASS_DIGITS:
        if re.fullmatch(r"\d{11}", text, re.ASCII) and edition in (None, "2026"):
            text = text[6:]
        if text[:1] in KINDS:
            kind, text = text[0], text[1:]
        edition = edition or ("2026" if len(text) == 5 else None)
    if edition is None:
        if re.fullmatch(r"\d{4}", text, re.ASCII):
            right = (
                f"write 2013:{kind}{text} or 2007:{kind}{text}" if kind else f"write 2013:C{text} or 2007:E{text}, say"
            )
            raise _wrong(given, "has 4 class digits, which mean different things in 2013 and 2007", right)
        raise _wrong(given, "is no class code", _class_hint(given))
    if edition not in CLASS_DIGITS:
        if kind not in KINDS:
            raise _wrong(given, "does not say component or event", f"write {edition}:C… or {edition}:E…")
        if not text or text != text.strip() or not text.isprintable():
            raise _wrong(given, "has an empty, padded or unprintable code", f"write {edition}:{kind} and the code")
        return ClassCode(edition, kind, text)
    if not (text.isascii() and text.isdigit()):
        raise _wrong(given, "is no class code", _class_hint(given, edition))
    digits = CLASS_DIGITS[edition]
    if len(text) != digits:
        other = f"; of another edition it is {'2026' if len(text) == 5 else '2013'}:{kind or 'C'}{text}"
        other = other if len(text) in (4, 5) else ""
        raise InputError(f"{given!r} has {len(text)} class digits, edition {edition} has {digits}{other}")
    if edition == "2026" and "01" <= text[:2] <= "10":
        right = "C" if text[:2] <= "05" else "E"
        if kind in KINDS and kind != right:
            what = (
                "majors 01-05 are components and the matters about them" if right == "C" else "majors 06-10 are events"
            )
            raise _wrong(given, "has the wrong kind", f"write 2026:{right}{text}: {what}")
        kind = right
    if kind not in KINDS:
        raise _wrong(given, "does not say component or event", f"write {edition}:C{text} or {edition}:E{text}")
    return ClassCode(edition, kind, text)


def parse_area(text: str) -> AreaCode:
    """Read a district (6 digits), street (9) or community (12) code.

    Examples
    --------
    >>> parse_area("140802001").level
    'street'
    """
    text = _text(text, "area code").strip()
    if not (re.fullmatch(r"\d+", text, re.ASCII) and len(text) in LEVELS):
        raise _wrong(text, "is no area code", _near(text) or "a district has 6 digits, a street 9, a community 12")
    return AreaCode(text)


def parse_unit(text: str, *, scheme: str = "") -> UnitCode:
    """Read a unit grid code.

    Parameters
    ----------
    scheme
        One of `gis.model.CODE_SCHEMES`: ``china15``, ``china14``, ``free`` (any text, taken as it is); "" for 15
        or 14 digits.

    Examples
    --------
    >>> parse_unit("140802001001003").community
    '140802001001'
    """
    text = _text(text, "unit grid code")
    if scheme == "free":
        if not text.strip() or not text.isprintable():
            raise _wrong(text, "is empty or unprintable", "a free code is any other text")
        return UnitCode("", text)
    text = text.strip()
    lengths = {"china15": (15,), "china14": (14,), "": (15, 14)}[scheme]
    if not (re.fullmatch(r"\d+", text, re.ASCII) and len(text) in lengths):
        right = " or ".join(str(n) for n in lengths)
        raise _wrong(
            text,
            "is no unit grid code",
            _near(text, lengths) or f"it has {right} digits: 12 of the community and a serial number",
        )
    return UnitCode(text[:12], text[12:])


def parse_component(text: str, *, edition: str | None = None) -> ComponentCode:
    """Read a component code of 17 (2026) or 16 digits (2013; 2007 when ``edition`` says so).

    Examples
    --------
    >>> code = parse_component("14080201001000001")
    >>> code.district, str(code.klass), code.serial
    ('140802', '2026:C01001', '000001')
    """
    text = _text(text, "component code").strip()
    lengths = {None: (17, 16), "2026": (17,), "2013": (16,), "2007": (16,)}.get(edition)
    if lengths is None:
        raise InputError(f"edition {edition!r} has no component codes of its own", right="give 2026, 2013 or 2007")
    if re.fullmatch(r"\d{16}|\d{17}", text, re.ASCII) and len(text) not in lengths:
        other = "2026" if len(text) == 17 else "2013 or 2007"
        raise _wrong(
            text,
            f"is a component code of {other}, not {edition}",
            "digits cannot be added or dropped: 23 of 190 classes moved; use the crosswalk",
        )
    if not (re.fullmatch(r"\d+", text, re.ASCII) and len(text) in lengths):
        hint = "6 digits district, 5 class digits (2026) or 4 (2013, 2007), 6 digits serial number"
        raise _wrong(text, "is no component code", _near(text, lengths) or hint)
    edition = edition or ("2026" if len(text) == 17 else "2013")
    return ComponentCode(text[:6], ClassCode(edition, "C", text[6:-6]), text[-6:])


def parse_case_number(text: str) -> CaseNumber:
    """Read a case number. There is no national rule: only two forms of running systems are known.

    They are kind, four class digits, day and four digits (``C0101202607010001``), and two letters, day and four
    digits (``YC202607010001``). A city's other numbers are taken as they are and never come here.

    Examples
    --------
    >>> parse_case_number("YC202607010001").day
    datetime.date(2026, 7, 1)
    """
    text = _text(text, "case number").strip()
    match = _CASE.fullmatch(text)
    right = "there is no national rule; forms in use are C0101202607010001 and YC202607010001"
    if not match:
        raise _wrong(text, "is no case number we can read", right)
    try:
        day = date(int(match["day"][:4]), int(match["day"][4:6]), int(match["day"][6:]))
    except ValueError:
        raise _wrong(text, f"holds the day {match['day']}, which does not exist", right) from None
    return CaseNumber(match["head"], day, match["serial"])


def parse(text: str, *, edition: str | None = None) -> ClassCode | AreaCode | UnitCode | ComponentCode | CaseNumber:
    """Read a code of whatever sort, told by its form.

    Examples
    --------
    >>> [type(parse(text)).__name__ for text in ("2026:C01001", "140802", "140802001001003", "YC202607010001")]
    ['ClassCode', 'AreaCode', 'UnitCode', 'CaseNumber']
    """
    text = _text(text, "code").strip()
    if ":" in text:
        return parse_class(text)
    if _CASE.fullmatch(text):
        return parse_case_number(text)
    if re.fullmatch(r"\d+", text, re.ASCII):
        if len(text) in (16, 17):
            return parse_component(text)
        if len(text) in (14, 15):
            return parse_unit(text)
        if len(text) in LEVELS:
            return parse_area(text)
    if re.fullmatch(r"[CE]?\d{4,5}|\d{11}", text, re.ASCII):
        return parse_class(text, edition=edition)
    near = tidy(text)
    if near != text:
        raise _wrong(text, "is no code", f"did you mean {near}?")
    right = "codes are digits of an area (6, 9, 12), unit grid (14, 15) or component (16, 17), classes as 2026:C01001"
    raise _wrong(text, "is no code", right)


def explain(
    text: str,
    *,
    lookup: Mapping[str, str] | Callable[[str], str] | None = None,
    edition: str | None = None,
) -> list[str]:
    """Say what the parts of a code mean, one line each.

    Parameters
    ----------
    lookup
        Names by code text (``140802``, ``2026:C01001``, major ``2026:C01``); "" or a missing key for none.
    edition
        Edition of a bare class code.

    Examples
    --------
    >>> for line in explain("140802001001003", lookup={"140802": "盐湖区"}):
    ...     print(line)
    140802001001003: unit grid code of 15 digits
    140802: district, 盐湖区
    140802001: street
    140802001001: community
    003: serial number in the community
    """
    name = (lambda key: lookup.get(key, "")) if isinstance(lookup, Mapping) else (lookup or (lambda key: ""))

    def line(code: str, what: str) -> str:
        known = name(code)
        return f"{code}: {what}, {known}" if known else f"{code}: {what}"

    def areas(code: str) -> list[str]:
        return [line(code[:n], level) for n, level in LEVELS.items() if len(code) >= n]

    def of_class(one: ClassCode) -> list[str]:
        out = [line(f"{one.edition}:{one.kind}{one.major}", f"major class of {KINDS[one.kind]}")] if one.major else []
        return [*out, line(str(one), f"class of {KINDS[one.kind]}, edition {one.edition}")]

    code = parse(text, edition=edition)
    text = text.strip()
    match code:
        case ClassCode():
            if re.fullmatch(r"\d{11}", text, re.ASCII):
                what = "matter code (事项代码) of 2026: a class within a district, not unique per case"
                return [f"{text}: {what}", *areas(text[:6]), *of_class(code)]
            return of_class(code)
        case AreaCode():
            return areas(code.code)
        case UnitCode():
            serial = "serial number in the community" + (
                "" if code.serial.strip("0") else " (zero: the community as a whole)"
            )
            return [
                f"{code}: unit grid code of {len(str(code))} digits",
                *areas(code.community),
                f"{code.serial}: {serial}",
            ]
        case ComponentCode():
            head = f"{code}: component code of {len(str(code))} digits, edition {code.klass.edition}"
            head += " (2007 has the same form)" if code.klass.edition == "2013" else ""
            return [head, *areas(code.district), *of_class(code.klass), f"{code.serial}: serial number in the class"]
        case CaseNumber():
            out = [f"{code}: case number as one running system writes it (there is no national rule)"]
            if code.head[1:].isdigit():
                out.append(f"{code.head}: class as of 2013 or 2007, the number does not say which")
            else:
                out.append(f"{code.head}: letters of the city")
            return [*out, f"{code.day.isoformat()}: day", f"{code.serial}: serial number of the day"]


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{value!r} is a {type(value).__name__}, a {what} is text", right="numbers lose leading zeros")
    return value


def _wrong(text: str, what: str, right: str) -> InputError:
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return InputError(f"{shown!r} {what}", right=right)


def _near(text: str, lengths: tuple[int, ...] = (6, 9, 12)) -> str:
    near = tidy(text)
    return f"did you mean {near}?" if near != text and near.isdigit() and len(near) in lengths else ""


def _class_hint(text: str, edition: str | None = None) -> str:
    near = tidy(text)
    if near != text:
        return f"did you mean {near}?"
    return "write edition, kind and digits, as in 2026:C01001 or 2013:E0113"
