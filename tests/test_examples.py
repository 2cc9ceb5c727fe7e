"""The examples in the docstrings give what stands there."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("grids", "gis", "api")


def with_examples() -> list[str]:
    """Names of the modules that have some."""
    files = (file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py")) if "node_modules" not in file.parts)
    shown = (file.relative_to(ROOT) for file in files if ">>> " in file.read_text(encoding="utf-8"))
    return [".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in shown]


@pytest.mark.parametrize("name", with_examples())
def test_examples_give_what_they_say(name: str):
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried and not failed
