"""What nobody knows is refused, not ignored: query parameters, and keys of bodies that come twice."""

from __future__ import annotations

import pytest

from tests.api.conftest import Served, degrees

HERE = {**degrees(101, 101), "class": "2026:C01002"}
RESOLVE = f"/v1/resolve?lon={HERE['lon']}&lat={HERE['lat']}&class={HERE['class']}"


@pytest.mark.parametrize(
    ("path", "at", "says"),
    [
        (RESOLVE + "&accuracy=5", "accuracy", "did you mean accuracy_m?"),
        (RESOLVE + "&bogus=1", "bogus", "known: lon, lat, class,"),
        (RESOLVE + "&lon=111.0", "lon", "is given twice; send it once"),
        (RESOLVE + "&" + "x" * 3000 + "=1", "x" * 60 + "…", "is an unknown parameter"),
        ("/v1/resolve?lo=1", "lo", "did you mean lon?"),
        ("/v1/cases?departement=D0", "departement", "did you mean department?"),
        ("/v1/cases/none?at=2026-07-01", "at", "known: known_at"),
        ("/v1/zones?on=2026-07-01", "on", "known: at"),
        ("/v1/departments?at=2026-07-01&at=2026-07-02", "at", "is given twice"),
        ("/maps/hotspots?departments=NOPE", "departments", "did you mean department?"),
        ("/maps/units?class=C", "class", "known: lang, theme, base, view"),
        ("/tiles/heat/13/6621/3243.png?clas=C&v=1", "clas", "did you mean class?"),
        ("/maps/hotspots?v=1", "v", "is an unknown parameter"),
    ],
)
def test_unknown_and_doubled_parameters_are_refused(served: Served, path: str, at: str, says: str):
    answer = served.client.get(path)
    assert answer.status_code == 422, answer.text
    told = answer.json()
    assert told["error"] == "InputError" and told["at"] == at and says in told["detail"]


def test_what_is_known_is_told_once(served: Served):
    known = served.client.get("/v1/hotspots?zzzz=1").json()["detail"].partition("known: ")[2].split(", ")
    assert len(known) == len(set(known)) > 20


def test_bodies_have_their_parameters_too(served: Served):
    answer = served.post("/v1/resolve?explian=1", json={"cases": [HERE]})
    assert answer.status_code == 422 and "did you mean explain?" in answer.json()["detail"]
    answer = served.post("/v1/cases?CRS=gcj02", json=HERE)
    assert answer.status_code == 422 and answer.json()["at"] == "CRS"


def test_pictures_carry_a_version(served: Served):
    assert served.client.get("/tiles/base/13/6621/3243.png?v=abc").status_code == 200
