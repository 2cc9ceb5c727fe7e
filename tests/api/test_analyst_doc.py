"""The page for analysts: what it names is in the database, and its question finds what ends on a known day."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gis import store

PAGE = (Path(__file__).parents[2] / "docs" / "analyst.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def ask(town_dsn: str):
    """Rows of a question to the town's record."""
    engine = store.connect(town_dsn)

    def rows(question: str) -> list[tuple]:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(question)]

    yield rows
    engine.dispose()


def test_every_name_is_there(ask):
    names = set(re.findall(r"\bwanmi\.([a-z_]+)", PAGE))
    there = {name for (name,) in ask("SELECT relname FROM pg_class WHERE relnamespace = 'wanmi'::regnamespace")}
    there |= {name for (name,) in ask("SELECT proname FROM pg_proc WHERE pronamespace = 'wanmi'::regnamespace")}
    assert len(names) > 20 and names <= there, names - there
    views = {name for name in there if name.endswith(("_now", "_lonlat"))}
    assert views <= names, f"views that the page leaves out: {views - names}"


def test_the_present_state_holds_what_ends_later(ask):
    """The town's zone 过期 ended in 2026-01 and a component in 2026-07: on the last day before they still hold."""
    question = re.search(r"```sql\n(.*?)```", PAGE, re.S)
    assert question is not None
    then = question[1].replace("2026-07-01", "2025-12-31")
    assert "Z5" in {code for code, _ in ask(then)} and "Z5" not in {code for code, _ in ask(question[1])}
    now = {code for (code,) in ask("SELECT code FROM wanmi.zones_now")}
    assert now == {code for code, _ in ask(question[1])}
