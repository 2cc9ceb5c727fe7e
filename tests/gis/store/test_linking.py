"""Components find the unit of their place."""

from __future__ import annotations

import numpy as np
from sqlalchemy import Engine

from gis import store
from gis.store.engine import transaction
from tests import town


def test_components_are_linked_to_the_unit_of_their_place(full: Engine) -> None:
    told = [
        (50, 50, ""),
        (100, 50, ""),  # on an edge
        (50, 50, "140802002002002"),
        (95, 50, "140802001001004"),
        (-50, 50, "140802001001003"),
        (50, 50, "nowhere"),
    ]
    rows = [
        {"code": f"1408020100100000{n}", "class": "2026:C01001", "geometry": town.point(x, y), "unit": unit}
        for n, (x, y, unit) in enumerate(told, start=1)
    ]
    report = store.load(full, "components", town.frame("components", rows), dry_run=True)
    assert report.inserted == 6
    notes = report.notes.set_index("row")["why"].to_dict()
    assert set(notes) == {3, 5, 6}  # row 4 lies within the tolerance of the unit that it names
    assert "in 140802001001003, " in notes[3] and notes[3].endswith("m away")
    assert "in no unit grid" in notes[5] and "no such unit grid holds now" in notes[6]
    store.load(full, "components", town.frame("components", rows))
    try:
        found = store.city_frames(full)["components"].set_index("code")["unit"]
        assert [found[row["code"]] for row in rows] == [
            "140802001001003", "140802001001003", "140802001001003", "140802001001003", "140802001001003",
            "140802001001003",
        ]  # fmt: skip
    finally:
        with transaction(full) as cursor:
            cursor.execute("DELETE FROM wanmi.components WHERE code LIKE '14080201001%'")


def test_a_link_of_the_callers_own(engine: Engine) -> None:
    frame = town.frame("components", [{"code": "1", "class": "2026:C01001", "geometry": town.point(1, 1)}])
    store.load(engine, "components", frame, link=lambda x, y: np.array(["mine"] * len(x), dtype=object))
    assert store.city_frames(engine)["components"]["unit"].tolist() == ["mine"]
