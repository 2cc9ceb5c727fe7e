"""A real city in a real PostGIS, loaded by the command line from its own files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from api.cli import main

Load = Callable[..., dict]


@pytest.fixture(scope="module")
def load(database: str) -> Load:
    """Return ``wanmi load`` into the test module's database: arguments in, the summary out."""

    def run(*arguments: str | Path, status: int = 0) -> dict:
        out: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("WANMI_DSN", database)
            patch.setattr("click.echo", lambda text="", **_: out.append(str(text)))
            assert main(["load", *map(str, arguments), "--json"]) == status
        return json.loads(out[-1])

    return run
