"""Class filters: how a text says which classes a rule or zone takes.

Items between blanks; a class is taken when any item takes it. Which classes there are, `grids.catalog` knows.

====================  ========================================================================
``*``                 every class
``C``, ``E``          all components, all events, in any edition
``2026:E``            a kind in an edition
``2026:E06``          a major class
``2026:E06010``       a class
``"x:ETRT-Lamp out"``  double quotes keep blanks together; a quote inside is written twice
====================  ========================================================================

Where the same text names a class and a major class, the class is meant. A filter that is, blanks and all, the
text of a class means that class, so a single class needs no quotes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from grids.errors import InputError

_ITEM = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^\s"]+))(?=\s|$)')


def filter_items(filter_text: str) -> list[str]:
    """Split a class filter into its items.

    Examples
    --------
    >>> filter_items('C "x:ETRT-Lamp ""out\"\"" 2026:E06')
    ['C', 'x:ETRT-Lamp "out"', '2026:E06']
    """
    items, place = [], 0
    while filter_text[place:].strip():
        match = _ITEM.match(filter_text, place)
        if not match:
            raise InputError(
                f"{filter_text!r} has a quote that is not closed or stands inside a word",
                where="class filter",
                right='put double quotes around an item with blanks: "x:ELamp out"',
            )
        items.append(match[2] if match[1] is None else match[1].replace('""', '"'))
        place = match.end()
    if not items or "" in items:
        raise InputError("a class filter is empty", where="class filter", right="write * for every class")
    return items


def filter_text(items: Sequence[str]) -> str:
    """Write items as a class filter, quoting those with blanks or quotes; `filter_items` reads them back.

    Examples
    --------
    >>> filter_text(["2026:E06", "x:ELamp out"])
    '2026:E06 "x:ELamp out"'
    """
    return " ".join('"' + one.replace('"', '""') + '"' if re.search(r'[\s"]', one) else one for one in items)
