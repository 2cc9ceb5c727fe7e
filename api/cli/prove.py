"""Whether an answer holds: ``wanmi prove``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grids.errors import InputError

if TYPE_CHECKING:
    from gis.proof import Fault, Ground

MOST = 20
"""Answers that do not hold of which the faults are printed; all are counted."""


@click.command()
@click.argument("answer", type=click.Path(allow_dash=True))
@click.option("--snapshot", "file", metavar="FILE", required=True, help="The snapshot file that it was given from.")
@click.option("--cases", metavar="FILE", help="For rows of answers (.csv, .parquet): the file that was answered.")
@click.option(
    "--map", "maps", multiple=True, metavar="FIELD=COLUMN", help="Our field of the cases (lon, lat, class …) = theirs."
)
@click.option(
    "--crs",
    help="Coordinate system of the cases; by default what the file says, WGS 84 for lon and lat, the city's for x, y.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def prove(answer: str, file: str, cases: str | None, maps: tuple[str, ...], crs: str | None, as_json: bool) -> int:
    """Replay an answer from its snapshot and say whether it holds: exit status 0, or 1 with each field that does not.

    ANSWER is JSON as 'wanmi resolve --json' or the service give it (one answer, a list, a line for each; - reads it
    from standard input), or rows as 'wanmi assign' writes them, with --cases.

    \b
    Example:
      wanmi prove answer.json --snapshot city.wanmi
      wanmi prove answers.parquet --cases cases.csv --snapshot city.wanmi
    """
    from gis.proof import TABLES, Ground, opened

    began = time.perf_counter()
    ground = Ground(opened(file))
    in_rows = Path(answer).suffix.lower() in TABLES
    if in_rows and not cases:
        right = "name the file that was answered with --cases"
        raise InputError("rows of answers do not say what was asked", where=answer, right=right)
    found = _rows(ground, answer, cases or "", maps, crs) if in_rows else _in_full(ground, answer)
    count, left, wrong, faults, beside = found
    took = time.perf_counter() - began
    if as_json:
        listed = [{"answer": i, "field": f.field, "told": f.told, "found": f.found, "why": f.why} for i, f in faults]
        told = {
            "holds": not wrong,
            "snapshot": ground.opened.version,
            "answers": count,
            "without_answer": left,
            "wrong": wrong,
            "faults": listed,
        }
        click.echo(json.dumps(told, ensure_ascii=False, default=str))
        return 1 if wrong else 0
    one = count == 1
    for i, fault in faults:
        click.echo(str(fault) if one else f"answer {i}: {fault}")
    beside += f", {left:,} rows have none" if left else ""
    if wrong:
        click.echo("does not hold" if one else f"{wrong:,} of {count:,} answers do not hold{beside}")
        return 1
    held = "holds" if one else f"{count - left:,} answers hold{beside}"
    click.echo(f"{held}: replayed from snapshot {ground.opened.version} in {took:.1f} s")
    return 0


def _in_full(ground: Ground, name: str) -> tuple[int, int, int, list[tuple[int, Fault]], str]:
    from gis.proof import parse_answers, prove, read_answers

    answers = parse_answers(sys.stdin.read(), where="standard input") if name == "-" else read_answers(name)
    found = prove(ground, answers)
    wrong = [(i, faults) for i, faults in enumerate(found, start=1) if faults]
    return len(found), 0, len(wrong), [(i, fault) for i, faults in wrong[:MOST] for fault in faults], ""


def _rows(
    ground: Ground, name: str, cases: str, maps: tuple[str, ...], crs: str | None
) -> tuple[int, int, int, list[tuple[int, Fault]], str]:
    from gis.proof import answer_rows, case_rows, prove_rows, read_rows, read_table

    names = {}
    for text in maps:
        field, mark, column = text.partition("=")
        if not (mark and field and column):
            raise InputError(f"{text!r} is no FIELD=COLUMN", where="--map", right="lon=经度")
        names[field] = column
    zone = ground.opened.city["time_zone"]
    frame, told_crs = case_rows(read_table(cases), zone, names=names, where=cases)
    read = read_rows(ground, frame, crs=crs or told_crs)
    told = prove_rows(ground, answer_rows(read_table(name)), read, most=MOST)
    some = f", probabilities of {told.asked:,} of {told.doubtful:,} found again" if told.asked < told.doubtful else ""
    return told.rows, told.left, told.wrong, told.faults, some


COMMANDS = (prove,)
