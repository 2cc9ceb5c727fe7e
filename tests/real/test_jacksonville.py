"""Jacksonville's manholes: US survey feet in, metres on a millimetre grid out, composite codes checked."""

from __future__ import annotations

import json

import pandas as pd
import pyogrio
import pytest
from pyproj import Transformer

from gis.assign import Cases, assign
from gis.files import read_layer
from gis.profile import read_profile
from gis.snapshot import Snapshot
from gis.store import city_frames, connect, read_city


@pytest.fixture(scope="module")
def path(real_data):
    return real_data / "jacksonville_sewer" / "manholes.geojson"


@pytest.fixture(scope="module")
def told(path, load):
    return {layer: load(layer, path, "--profile", "jacksonville") for layer in ("departments", "rules", "components")}


def test_what_was_loaded(told):
    assert {name: t["inserted"] for name, t in told.items()} == {"departments": 3, "rules": 1, "components": 3673}
    assert told["components"]["rejected"] == 0
    assert "mh_num = section + basin + number: 0 of 3,673 rows differ" in told["components"]["notes"]


def test_feet_became_metres(told, path, database):
    """US survey feet, not international ones: at 1.28 million feet these differ by 0.8 m."""
    raw = pyogrio.read_dataframe(path).set_index("mh_num")
    placed = city_frames(connect(database))["components"].set_index("code").loc[raw.index]
    exact = Transformer.from_crs(3433, 26915, always_xy=True).transform(raw.geometry.x, raw.geometry.y)
    assert (placed.geometry.x - exact[0]).abs().max() < 0.00051
    assert (placed.geometry.y - exact[1]).abs().max() < 0.00051
    assert (placed["owning"] == raw["owner"]).all()


def test_a_manhole_is_answered_by_its_owner(told, database):
    engine = connect(database)
    frames = city_frames(engine)
    snapshot = Snapshot.compile(read_city(engine), frames)
    placed = frames["components"].sample(500, random_state=1)
    x, y = placed.geometry.x + 0.1, placed.geometry.y
    ours = assign(Cases.read(snapshot, x, y, placed["class"]), snapshot).frame()
    assert (ours["component"].to_numpy() == placed["code"].to_numpy()).mean() > 0.99
    assert (ours["department"].to_numpy() == placed["owning"].to_numpy()).mean() > 0.99


def test_codes_that_do_not_agree_with_their_parts(tmp_path, path):
    features = json.loads(path.read_text())
    features["features"][4]["properties"]["basin"] = "Z"
    features["features"][9]["properties"]["number"] += 1
    broken = tmp_path / "manholes.geojson"
    broken.write_text(json.dumps(features))
    profile = read_profile("jacksonville")
    told = read_layer(broken, "components", profile.city, profile=profile)
    assert len(told.frame) == 3671
    assert list(told.rejects["row"]) == [5, 10]
    assert (told.rejects["column"] == "mh_num").all()
    whole = pd.Series([f["properties"]["mh_num"] for f in features["features"]])[[4, 9]]
    assert list(told.rejects["value"]) == list(whole)
    assert told.rejects["why"].str.startswith("is not section + basin + number, which give ").all()
    assert told.notes == ["mh_num = section + basin + number: 2 of 3,673 rows differ: rows 5, 10"]
