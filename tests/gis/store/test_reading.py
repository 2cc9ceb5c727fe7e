"""What was loaded is read again, as of any instant."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from geopandas.testing import assert_geodataframe_equal
from sqlalchemy import Engine

from gis import exact, store
from gis.store.engine import transaction
from tests import town
from tests.gis.store.village import department, more_layers


def same(ours: pd.DataFrame, theirs: pd.DataFrame, key: list[str]) -> None:
    """Compare what was read with what was loaded, whatever the order of rows."""
    order = [*key, *(["valid_from"] if "valid_from" in theirs else [])]
    ours, theirs = (f.sort_values(order, ignore_index=True)[list(theirs.columns)] for f in (ours, theirs))
    for column in theirs.columns[theirs.dtypes == "object"]:
        theirs[column] = theirs[column].astype("str")
    if isinstance(theirs, gpd.GeoDataFrame):
        assert_geodataframe_equal(ours, theirs, check_dtype=False)
    else:
        pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, check_column_type=False)


@pytest.mark.parametrize("layer", ["departments", "areas", "rules", "units", "components", "zones"])
def test_what_was_loaded_is_read_again(full: Engine, layer: str) -> None:
    ours, theirs = store.city_frames(full)[layer], more_layers()[layer]
    if layer in ("areas", "units"):
        theirs["geometry"] = exact.multipolygons(theirs.geometry.to_numpy())
    if layer == "zones":
        theirs["geometry"] = exact.footprint(theirs.geometry.to_numpy(), theirs["width_m"])
        assert ours.set_index("code")["is_line"].to_dict() == {f"Z{i}": i == 3 for i in range(1, 10)}
        assert np.allclose(ours["area_m2"], ours.geometry.area)
    if layer == "components":
        ours = ours.drop(columns="unit")
        theirs = theirs.drop(columns="unit")
    same(
        ours[ours["code"].isin(theirs["code"])] if "code" in theirs else ours,
        theirs,
        ["set", "code"] if layer == "areas" else ["class"] if layer == "rules" else ["code"],
    )


def test_area_sets_in_the_order_of_fallback(full: Engine) -> None:
    sets = store.city_frames(full)["area_sets"]
    assert sets["set"].tolist() == ["community", "street", "district", "patrol"]
    assert sets["position"].tolist()[:3] == [0, 1, 2] and np.isnan(sets["position"].iloc[3])


def test_what_held_at_an_instant(full: Engine) -> None:
    twin = "14080201003000009"
    for at, owner in ((town.DAY - pd.Timedelta("1us"), "D6"), (town.DAY, "D7")):
        rows = store.city_frames(full, at=at)["components"].set_index("code")
        assert rows.loc[twin, "owning"] == owner
    assert "Z5" not in set(store.city_frames(full, at="2026-01-01")["zones"]["code"])
    assert "Z5" in set(store.city_frames(full, at="2025-12-31T23:59:59Z")["zones"]["code"])


def test_what_was_believed_at_an_instant(engine: Engine) -> None:
    def believed(at: object) -> list[str]:
        return store.city_frames(engine, known_at=at)["departments"]["name"].tolist()

    times = []
    for name in ("one", "two", "three"):
        store.load(engine, "departments", department("d", name))
        with transaction(engine) as cursor:
            cursor.execute("SELECT clock_timestamp()")
            times.append(cursor.fetchone()[0])
    assert [believed(at) for at in times] == [["one"], ["two"], ["three"]]
    assert believed("2020-01-01") == [] and believed(None) == ["three"]


def test_cases_are_read_again(full: Engine) -> None:
    ours, theirs = store.cases_frame(full), more_layers()["cases"]
    assert np.isnan(ours["x"].iloc[1]) and ours["x"].iloc[0] == town.X0 + 5
    same(ours, theirs, ["id"])
    parts = list(store.cases_frames(full, chunk=2))
    assert [len(p) for p in parts] == [2, 1]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), pd.DataFrame(ours.drop(columns="geometry")))
