"""Proof: whether an answer follows from the snapshot that it names, replayed by code of its own.

The checker opens the file with its own reader, takes the place to millimetres through PROJ, tests borders with its own
integer arithmetic, finds components in a k-d tree and applies the rules in plain code. Of Wanmi it knows the words
only: the names of rules and reasons (`gis.model`), the sentences (`gis.wording`), the seal (`gis.sealed`). What the
snapshot holds is taken as given.
"""

from __future__ import annotations

from gis.proof.check import Fault, prove
from gis.proof.ground import Ground
from gis.proof.opened import opened
from gis.proof.reading import TABLES, answer_rows, case_rows, parse_answers, read_answers, read_table
from gis.proof.rows import prove_rows, read_rows

__all__ = [
    "TABLES",
    "Fault",
    "Ground",
    "answer_rows",
    "case_rows",
    "opened",
    "parse_answers",
    "prove",
    "prove_rows",
    "read_answers",
    "read_rows",
    "read_table",
]
