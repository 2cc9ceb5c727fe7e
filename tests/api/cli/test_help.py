"""Every command explains itself: --help, with an example that names it and words that it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from api.cli import _register, app, main


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All commands under one, itself first."""
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from walk(below, (*path, name))


_register()
ALL = list(walk(app))


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(("wanmi", *path)) for path, _ in ALL])
def test_help_with_an_example(path: tuple[str, ...], command: click.Command, capsys: pytest.CaptureFixture[str]):
    assert main([*path, "--help"]) == 0
    text = capsys.readouterr().out
    assert "Usage: wanmi" in text and "Example:" in text
    examples = [line for line in text.partition("Example:")[2].splitlines() if "wanmi " in line]
    assert any(" ".join(("wanmi", *path)) in line for line in examples), examples
    known = {word for _, below in walk(command) for p in below.params for word in (*p.opts, *p.secondary_opts)}
    for line in examples:
        used = re.findall(r"(?<=\s)--[a-z][a-z-]*", line) if path[-1:] != ("psql",) else []
        assert set(used) <= known | {"--help"} or not path, (line, set(used) - known)
    assert all(p.help for p in command.params if isinstance(p, click.Option)), "an option without a word"


def test_there_are_many_commands():
    assert {"db", "load", "resolve", "assign", "snapshot", "hotspots", "demo", "serve", "grid", "code"} <= set(
        app.commands
    )


def test_wanmi_alone_shows_how_to_begin(capsys: pytest.CaptureFixture[str]):
    assert main([]) == 2
    assert "wanmi demo" in capsys.readouterr().err
