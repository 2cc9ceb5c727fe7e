"""``wanmi code``: what a code means, whether it is right, and what was probably meant."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command()
@click.argument("codes", metavar="CODE...", nargs=-1, required=True)
@click.option("--edition", metavar="E", help="Edition of bare class codes: 2007, 2013 or 2026.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, one object a code.")
def code(codes: tuple[str, ...], edition: str | None, as_json: bool) -> int:
    """Check and explain codes: unit grids, components, classes, areas, case numbers.

    The sort is told by the form. Classes are looked up in the catalogue, with their time limits and what has
    become of them in 2026. Exit status 1 when a code is wrong; its near misses are then named.

    \b
    Example:
      wanmi code 140802001001003
      wanmi code 2013:C0101 14080201001000001
      wanmi code 010l03 --json
      wanmi code C0506 --edition 2013
    """
    from grids.catalog import catalog

    book = catalog()
    said = [_judge(text, edition, book) for text in codes]
    if as_json:
        click.echo(json.dumps(said, ensure_ascii=False, indent=1))
    else:
        for one in said:
            click.echo(one["code"])
            for line in one["lines"] or [f"wrong: {one['fault']}"]:
                click.echo(f"  {line}")
            if one["lines"] and one["fault"]:
                click.echo(f"  wrong: {one['fault']}")
    return 1 if any(one["fault"] for one in said) else 0


def _judge(text: str, edition: str | None, book: Any) -> dict[str, Any]:
    """One code: its sort, the lines that explain it, its fault and what was probably meant."""
    from grids.codes import ClassCode, ComponentCode, explain, parse, tidy
    from grids.errors import InputError

    out: dict[str, Any] = {"code": text, "sort": "", "fault": "", "meant": [], "lines": []}
    try:
        one = book.find(text) if ":" in text else parse(text, edition=edition)
        if isinstance(one, ClassCode):
            book.find(str(one))
    except InputError as error:
        near = tidy(text)
        meant = [near] if near != text and near.isdigit() else []
        if ":" in text or near[:1] in "CE" or len(near) <= 5:
            meant = book.suggest(text, edition=edition)
        return {**out, "fault": str(error), "meant": meant}
    out["sort"] = type(one).__name__.removesuffix("Code").removesuffix("Number").lower()
    out["lines"] = explain(text, lookup=book.name, edition=edition)
    if isinstance(one, ClassCode):
        out["lines"] += _known(str(one), book)
    if isinstance(one, ComponentCode) and book.index([str(one.klass)])[0] < 0:
        out["fault"] = f"class {one.klass} is not in the catalogue"
        digits = [c.removeprefix(f"{one.klass.edition}:C") for c in book.suggest(str(one.klass))]
        out["meant"] = [one.district + some + one.serial for some in digits if some.isdigit()]
    return out


def _known(text: str, book: Any) -> list[str]:
    """What else the catalogue knows of a class: its 2026 counterpart, its time limits."""
    lines = []
    edition, _, code = text.partition(":")
    if edition != "2026":
        now = book.counterpart(text)
        lines.append(
            f"in 2026: {now.text} {book.name(now.text)} ({now.why})" if now.text else f"in 2026: none ({now.why})"
        )
    limits = book.limits
    rows = limits[(limits["edition"] == edition) & (limits["kind"] == code[0]) & (limits["code"] == code[1:])]
    for row in rows.itertuples():
        unit = row.unit.replace("_", " ") + ("" if row.limit == "1" else "s")
        lines.append(f"limit in {row.city or 'a city not named'}: {row.limit} {unit}, {row.condition}")
    return lines


COMMANDS = (code,)
