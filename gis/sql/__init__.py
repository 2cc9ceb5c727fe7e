"""Questions to the record: one SQL file each, opening with its parameters, columns, SRID, index and expected size."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from psycopg2 import sql


@cache
def _text(name: str) -> str:
    """Return the SQL of a file without its comment lines, whose braces and per cents are no parts and parameters."""
    lines = (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("--"))


def question(name: str, **parts: sql.Composable | str) -> sql.Composed:
    """Return the SQL of ``<name>.sql``, with ``{part}`` replaced; a plain string is an identifier.

    Values are never parts: they stay parameters, written ``%(name)s``.
    """
    ready = {k: sql.Identifier(v) if isinstance(v, str) else v for k, v in parts.items()}
    return sql.SQL(_text(name)).format(**ready)  # type: ignore[arg-type]
