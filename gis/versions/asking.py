"""Whether the version that was kept last is still the record: one short question, over a connection of its own.

For commands that answer once: nothing is imported that they do not need, which would take longer than the answer.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import psycopg2

from gis.snapshot.file import read_header
from gis.sql import question
from gis.versions.kept import remembered
from grids.errors import InputError


def unchanged(folder: str | Path, where: str, dsn: str) -> Path | None:
    """File of the version that `remembered` finds, when the record is still what it was made of; else None.

    Also None when the database cannot be reached or has other shapes: who then asks the record is told why.
    """
    path = remembered(folder, where)
    if path is None:
        return None
    with contextlib.suppress(psycopg2.Error, InputError):
        states = read_header(path)["states"]
        with contextlib.closing(psycopg2.connect(dsn, connect_timeout=5)) as line, line.cursor() as cursor:
            cursor.execute(question("layer_states"))
            if {layer: state for layer, state, _ in cursor} == states:
                return path
    return None
