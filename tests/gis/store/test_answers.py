"""Answers to cases: written, replaced, refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from gis import store
from gis.store.engine import transaction
from grids.errors import Conflict, InputError
from tests import town


def answers(ids: list[str], unit: str = "u") -> pd.DataFrame:
    n = len(ids)
    return pd.DataFrame(
        {
            "id": ids, "at": [town.DAY] * n, "unit": unit, "department": ["D1"] + [""] * (n - 1),
            "rule": "territory", "reason": "", "component": "", "distance_m": [1.25] + [np.nan] * (n - 1), "zone": "",
            "on_edge": False, "probability": np.nan, "ask_first": False, "community": "", "street": ["s1"] * n,
        }
    )  # fmt: skip


def test_answers_are_written_and_replaced(full: Engine) -> None:
    assert store.write_answers(full, answers(["K1", "K2"]), "v1") == 2
    assert store.cases_frame(full, only_open=True)["id"].tolist() == ["K2", "K3"]  # K1 is closed and answered
    assert store.write_answers(full, answers(["K2", "K3"], "w"), "v2") == 2
    with transaction(full) as cursor:
        cursor.execute("SELECT id, snapshot, unit, areas, distance_m FROM wanmi.case_answers ORDER BY id")
        assert cursor.fetchall() == [
            ("K1", "v1", "u", {"street": "s1"}, 1.25),
            ("K2", "v2", "w", {"street": "s1"}, 1.25),
            ("K3", "v2", "w", {"street": "s1"}, None),
        ]
    assert store.write_answers(full, answers(["K1"]).head(0), "v3") == 0


def test_answers_that_cannot_be_written(full: Engine) -> None:
    with pytest.raises(Conflict, match="case nobody is not recorded"):
        store.write_answers(full, answers(["K1", "nobody"]), "v1")
    with pytest.raises(InputError, match="K1 stands there twice"):
        store.write_answers(full, answers(["K1", "K1"]), "v1")
    with pytest.raises(InputError, match="no column rule"):
        store.write_answers(full, answers(["K1"]).drop(columns="rule"), "v1")
