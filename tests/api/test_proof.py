"""What the service answers can be proved from its snapshot's file, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from api.app import create_app
from gis.proof import Ground, opened, prove
from tests.api.conftest import Served, degrees, serving, settings

SPOTS = [degrees(x, y) for x, y in ((101, 101), (250, 120.5), (199, 203), (390, 12), (-40, 10))]
CLASSES = ("2026:C01002", "2026:E06010", "C01003", "2013:E0105", "")


@pytest.fixture(scope="module")
def ground(town_file: Path) -> Ground:
    return Ground(opened(town_file))


@pytest.fixture(scope="module")
def service(town_file: Path) -> Iterator[Served]:
    with serving(create_app(settings("", snapshot=str(town_file), city="town"))) as running:
        yield running


@pytest.mark.parametrize("lang", ["", "en", "zh"])
def test_single_answers(service: Served, ground: Ground, lang: str):
    for spot, klass in zip(SPOTS, CLASSES, strict=True):
        query = {**spot, "class": klass, "accuracy_m": 6.5, **({"lang": lang} if lang else {})}
        answer = service.get("/v1/resolve", **query).json()
        assert prove(ground, [answer]) == [[]]
        assert answer["asked"]["lon"] == spot["lon"] and answer["asked"]["class"] == klass
        assert any("一" <= sign <= "鿿" for sign in answer["why"][0]) == (lang == "zh")
        again = service.get("/v1/resolve", **query, known_at="2100-01-01").json()
        assert "error" in again or prove(ground, [again]) == [[]]


def test_many_in_full(service: Served, ground: Ground):
    cases = [{**spot, "class": klass, "id": i} for i, (spot, klass) in enumerate(zip(SPOTS, CLASSES, strict=True))]
    cases.append({"lon": None, "lat": None, "class": "2026:E06010"})
    for lang in ("en", "zh"):
        told = service.post(f"/v1/resolve?explain=1&lang={lang}", content=orjson.dumps({"cases": cases})).json()
        assert prove(ground, told["cases"]) == [[]] * len(cases)


def test_an_unknown_language_is_refused(service: Served):
    for answer in (
        service.get("/v1/resolve", **SPOTS[0], lang="fr"),
        service.post("/v1/resolve?lang=fr", content=orjson.dumps({"cases": [SPOTS[0]]})),
    ):
        assert answer.status_code == 422
        assert answer.json()["detail"] == "lang: 'fr' is none that is spoken here; en or zh"
