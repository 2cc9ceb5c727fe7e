"""Heat tiles over HTTP: what is told of them, what there is not, and colours that everybody can read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from api.pages import heat as ramp
from gis.demo import Demo
from tests.api.conftest import Served

# ---------------------------------------------------------------- over HTTP


def test_tiles_over_http_under_every_filter(served_demo: Served, small_demo: Demo):
    asked = {"class": "2026:E06", "from": "2026-01-01", "to": "2026-07-01", "channel": "hotline"}
    told = served_demo.get("/tiles/heat/0/0/0.json", **asked).json()
    right = served_demo.get("/v1/hotspots", **asked).json()["facts"]["counted"]
    assert told == {"cases": right, "of": right, "capped": False}
    legend = served_demo.get("/tiles/heat/legend.json", **asked).json()
    assert legend["cases"] == right > 0 and legend["bandwidth_m"] == 80.0 and legend["unit"] == "cases per hectare"
    values = [stop["value"] for stop in legend["stops"]]
    assert values[0] == 0 and values[-1] == legend["top"] and values == sorted(values)


def test_a_tile_that_is_right_still_costs_no_body(served_demo: Served):
    path = "/tiles/heat/13/6621/3243.png"
    first = served_demo.get(path)
    assert "must-revalidate" in first.headers["cache-control"]
    again = served_demo.client.get(path, headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304 and again.content == b""
    then = served_demo.get(path, **{"class": "E"})
    assert then.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("ending", ["png", "json", "mvt"])
def test_tiles_that_there_are_not(served_demo: Served, ending: str):
    layer = "hotspots" if ending == "mvt" else "heat"
    for tile in ("99/0/0", "3/8/0", "3/0/-1"):
        answer = served_demo.get(f"/tiles/{layer}/{tile}.{ending}")
        assert (answer.status_code, answer.json()["at"]) == (404, "tile"), answer.text
    for query, at in (
        ({"from": "2026-03-01", "to": "2026-02-01"}, "to"),
        ({"department": "nobody"}, "department"),
        ({"area": "street:0"}, "area"),
        ({"from": "2999-01-01"}, "from"),
    ):
        answer = served_demo.get(f"/tiles/{layer}/0/0/0.{ending}", **query)
        assert (answer.status_code, answer.json()["at"]) == (422, at), answer.text


def test_what_was_known_then_is_counted_as_then(served_demo: Served):
    now = pd.Timestamp.now(tz="UTC").isoformat()
    all_now = served_demo.get("/tiles/heat/0/0/0.json").json()
    assert served_demo.get("/tiles/heat/0/0/0.json", known_at=now).json() == all_now


# ---------------------------------------------------------------- colours


def test_the_ramp_is_read_by_the_colour_blind():
    """Lightness falls all along it, on white, as it is seen with each kind of colour blindness (Machado 2009)."""
    kinds = {
        "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    }
    share = np.linspace(0, 1, 64)
    colour = ramp.colours(share).astype(float)
    seen = 255 + (colour[:, :3] - 255) * colour[:, 3:] / 255
    linear = np.where(seen / 255 <= 0.04045, seen / 255 / 12.92, ((seen / 255 + 0.055) / 1.055) ** 2.4)
    for name, matrix in {"none": np.eye(3), **kinds}.items():
        light = np.clip(linear @ np.array(matrix).T, 0, 1) @ [0.2126, 0.7152, 0.0722]
        lightness = 116 * np.cbrt(np.maximum(light, 0.008856)) - 16
        assert (np.diff(lightness) < 0.3).all() and lightness[0] - lightness[-1] > 60, name
