"""What was known then, over HTTP: corrected since, and still told as it was believed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pandas as pd
import pyarrow as pa
import pytest

from api import past
from api.app import create_app
from gis import postgis, store, versions
from gis.snapshot import Snapshot
from gis.store.engine import transaction
from tests import town
from tests.api.conftest import Served, degrees, serving, settings
from tests.conftest import database_name

SPOT = {**degrees(260, 150), "class": "2026:E06010", "at": "2026-07-15"}
UNIT, LAMP = "140802001001002", "14080201037000001"


class Told:
    """A town whose market was corrected twice: instants between the loads, and what was believed then."""

    def __init__(self, dsn: str) -> None:
        self.dsn, self.instants, self.versions = dsn, [], []
        engine = store.connect(dsn)
        town.fill(engine)
        self._later(engine)
        layers = town.layers()
        market = layers["zones"][layers["zones"]["code"] == "Z2"]
        for department, since in (("D3", "2026-07-01"), ("D4", "2026-07-10")):
            told = market.assign(department=department, valid_from=pd.Timestamp(since, tz="UTC"))
            store.load(engine, "zones", told)
            store.load(engine, "components", town.frame("components", [
                {"code": LAMP, "class": "2026:C01037", "maintaining": department, "geometry": town.point(300, 300)}
            ]))  # fmt: skip
            self._later(engine)
        engine.dispose()

    def _later(self, engine: store.engine.Engine) -> None:
        self.versions.append(versions.build(engine, None).version)
        self.instants.append(pd.Timestamp.now(tz="UTC").isoformat())
        time.sleep(0.02)


@pytest.fixture(scope="module")
def told(cluster: postgis.Cluster) -> Iterator[Told]:
    name = database_name("api_past")
    yield Told(postgis.ensure_database(name))
    postgis.drop_database(name)


@pytest.fixture(scope="module")
def asked(told: Told, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The service of that town, for questions that leave nothing behind."""
    folder = tmp_path_factory.mktemp("asked")
    with serving(create_app(settings(told.dsn, snapshots=str(folder))), told.dsn) as service:
        yield service


@pytest.fixture
def then(told: Told, tmp_path: Path) -> Iterator[Served]:
    """The service of that town, with a folder of snapshots of its own."""
    with serving(create_app(settings(told.dsn, snapshots=str(tmp_path / "kept"))), told.dsn) as service:
        yield service


def patiently(ask: object, *arguments: object, **options: object) -> httpx.Response:
    """Ask again as often as Retry-After says, for a minute at most."""
    end = time.monotonic() + 60
    while True:
        answer = ask(*arguments, **options)
        if answer.status_code != 503 or time.monotonic() > end:
            return answer
        assert 0 < int(answer.headers["retry-after"]) <= 10 and "is being made" in answer.json()["detail"]
        time.sleep(0.3)


def test_what_was_believed_then_is_told_as_it_was(told: Told, then: Served):
    """One answer, many answers in every form, and the version is the one that answered then."""
    for instant, version, owner in zip(told.instants, told.versions, ("D8", "D3", "D4"), strict=True):
        one = patiently(then.get, "/v1/resolve", **SPOT, known_at=instant).json()
        assert one["owner"]["department"] == owner and one["snapshot"] == version
        assert one["at"] == "2026-07-14T16:00:00Z" and pd.Timestamp(one["known_at"]) <= pd.Timestamp(instant)
        where = f"/v1/resolve?known_at={instant.replace('+', '%2B')}"
        many = then.post(where, json={"cases": [SPOT]}).json()
        assert many["snapshot"] == version and many["cases"][0]["department"] == owner
        assert many["known_at"] == one["known_at"]
        columns = {name: [value] for name, value in SPOT.items()}
        assert then.post(where, json=columns).json()["department"] == [owner]
        sink = pa.BufferOutputStream()
        table = pa.table(columns)
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        kind = {"content-type": "application/vnd.apache.arrow.stream"}
        arrow = then.post(where, content=sink.getvalue().to_pybytes(), headers=kind)
        assert pa.ipc.open_stream(arrow.content).read_all()["department"].to_pylist() == [owner]
        full = then.post(where + "&explain=1", json={"cases": [SPOT]}).json()["cases"][0]
        assert full["owner"]["department"] == owner


def test_until_the_present_it_is_the_present(told: Told, then: Served, tmp_path: Path):
    now = then.get("/v1/resolve", **SPOT).json()
    assert then.get("/v1/resolve", **SPOT, known_at=told.instants[-1]).json() == now
    assert not list(tmp_path.glob("kept/town-*/past/*.wanmi"))


def test_the_city_as_it_was_known(told: Told, asked: Served):
    for instant, owner, lamp in zip(told.instants, ("D8", "D3", "D4"), ("D5", "D3", "D4"), strict=True):
        zones = asked.get("/v1/zones", at="2026-07-15", known_at=instant).json()
        assert {f["properties"]["code"]: f["properties"]["department"] for f in zones["features"]}["Z2"] == owner
        assert (zones["at"], pd.Timestamp(zones["known_at"])) == ("2026-07-14T16:00:00Z", pd.Timestamp(instant))
        found = asked.get(f"/v1/components/{LAMP}", known_at=instant).json()
        assert found["properties"]["maintaining"] == lamp and pd.Timestamp(found["known_at"]) == pd.Timestamp(instant)
        for path in (f"/v1/units/{UNIT}", "/v1/departments"):
            assert asked.get(path, known_at=instant).json() | {"at": 0, "known_at": 0} == asked.get(path).json() | {
                "at": 0, "known_at": 0
            }  # fmt: skip


PATHS = ("/v1/resolve", "/v1/zones", "/v1/departments", f"/v1/units/{UNIT}", f"/v1/components/{LAMP}", "/v1/cases")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("known_at", "says"),
    [("2020-01-01", "is before the first record; ask from"), ("2199-01-01", "has not come yet; ask until"),
     ("2026-02-30", "is no time")],
)  # fmt: skip
def test_what_nobody_can_have_known(asked: Served, path: str, known_at: str, says: str):
    query = SPOT if path == "/v1/resolve" else {}
    answer = asked.get(path, **query, known_at=known_at)
    assert answer.status_code == 422, answer.text
    body = answer.json()
    assert body["at"] == "known_at" and says in body["detail"] and "\n" not in body["detail"]
    if path == "/v1/resolve":
        many = asked.post(f"{path}?known_at={known_at}", json={"cases": [SPOT]})
        assert many.status_code == 422 and many.json()["at"] == "known_at"


def test_a_day_before_all_that_is_on_record(tmp_path: Path):
    """A city whose every boundary has a beginning: nothing is guessed of the time before."""
    layers = town.layers()
    begin = pd.Timestamp("2013-01-01", tz=town.CITY.time_zone)
    for name in ("areas", "units", "zones", "components"):
        layers[name] = layers[name].assign(valid_from=layers[name]["valid_from"].fillna(begin.tz_convert("UTC")))
    layers["zones"] = layers["zones"][layers["zones"]["valid_to"].isna()]
    file = Snapshot.compile(town.CITY, layers).save(tmp_path / "young.wanmi")
    with serving(create_app(settings("postgresql:///nowhere", snapshot=str(file)))) as service:
        spot = {**SPOT, "at": "2012-12-31T23:59:59"}
        answer = service.get("/v1/resolve", **spot)
        assert answer.status_code == 422 and answer.json()["at"] == "at"
        says = "2012-12-31T15:59:59Z is before the first record of 小镇; ask from 2013-01-01T00:00:00+08:00 on"
        assert says in answer.json()["detail"]
        rows = service.post("/v1/resolve", json={"cases": [spot, spot | {"at": "2013-01-01"}]}).json()
        assert says in rows["cases"][0]["fault"] and rows["cases"][0]["rule"] is None
        assert rows["cases"][1]["fault"] is None and rows["cases"][1]["rule"] == "zone_area"
        assert service.post("/v1/resolve?strict=1", json={"cases": [spot]}).status_code == 422
        assert service.get("/v1/resolve", **SPOT | {"at": "2013-01-01"}).status_code == 200


def test_who_waits_holds_nobody_up(told: Told, then: Served, monkeypatch: pytest.MonkeyPatch):
    """While one is made, another earlier knowledge is refused with Retry-After, and the present is answered at once."""
    monkeypatch.setattr(past, "WAIT_S", 0.2)
    first = then.get("/v1/resolve", **SPOT, known_at=told.instants[0])
    assert first.status_code == 503 and int(first.headers["retry-after"]) > 0
    assert "is being made; try again" in first.json()["detail"]
    other = then.get("/v1/resolve", **SPOT, known_at=told.instants[1])
    assert other.status_code == 503 and told.instants[0][:19] in other.json()["detail"]
    took = []
    for _ in range(50):
        begin = time.perf_counter()
        assert then.get("/v1/resolve", **SPOT).status_code == 200
        took.append(time.perf_counter() - begin)
    assert sorted(took)[25] < 0.1
    assert patiently(then.get, "/v1/resolve", **SPOT, known_at=told.instants[0]).json()["snapshot"] == told.versions[0]


def test_many_at_once_make_it_once(told: Told, then: Served, tmp_path: Path):
    answers: list[httpx.Response] = []

    def ask() -> None:
        with httpx.Client(base_url=then.url, timeout=90, trust_env=False) as client:
            query = {**SPOT, "known_at": told.instants[1]}
            answers.append(patiently(client.get, "/v1/resolve", params=query))

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [a.json()["snapshot"] for a in answers] == [told.versions[1]] * 12
    assert len(list((tmp_path / "kept").glob("town-*/past/*.wanmi"))) == 1


def test_open_ones_are_few_and_kept_ones_are_found(told: Told, then: Served, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(past, "MOST_OPEN", 1)
    for k in (0, 1, 0):
        assert (
            patiently(then.get, "/v1/resolve", **SPOT, known_at=told.instants[k]).json()["snapshot"] == told.versions[k]
        )
    kept = sorted((tmp_path / "kept").glob("town-*/past/*.wanmi"))
    assert len(kept) == 2
    times = [one.stat().st_mtime_ns for one in kept]
    assert patiently(then.get, "/v1/resolve", **SPOT, known_at=told.instants[1]).status_code == 200
    assert [one.stat().st_mtime_ns for one in kept] == times, "made once"
    listed = {v.version for v in versions.listed(tmp_path / "kept")}
    assert listed == set(told.versions)


def test_a_case_as_it_was_known(told: Told, then: Served):
    """Its answer of today was given from what is known today; what was known then gives another."""
    handed = then.post("/v1/cases", json={k: v for k, v in SPOT.items() if k != "at"} | {
        "id": "K1", "reported_at": "2026-07-15T08:00:00"
    })  # fmt: skip
    assert handed.json()["owner"]["department"] == "D4"
    recorded = pd.Timestamp.now(tz="UTC")
    engine = store.connect(told.dsn)
    market = town.layers()["zones"].query("code == 'Z2'")
    july = {"valid_from": pd.Timestamp("2026-07-12", tz="UTC"), "valid_to": pd.Timestamp("2026-08-01", tz="UTC")}
    store.load(engine, "zones", market.assign(department="D6", **july))
    corrected = pd.Timestamp.now(tz="UTC")
    with transaction(engine) as cursor:  # answered again, from the record as corrected
        cursor.execute("UPDATE wanmi.answers SET department = 'D6', answered_at = clock_timestamp()")
    engine.dispose()
    assert then.get("/v1/cases/K1").json()["answer"]["department"] == "D6"
    known = patiently(then.get, "/v1/cases/K1", known_at=recorded.isoformat()).json()
    assert (known["answer"]["department"], known["answer"]["snapshot"]) == ("D4", told.versions[2])
    assert [step["kind"] for step in known["events"]] == ["report"]
    listed = patiently(then.get, "/v1/cases", known_at=recorded.isoformat()).json()["cases"]
    assert [(c["id"], c["answer"]["department"]) for c in listed] == [("K1", "D4")]
    assert then.get("/v1/cases", known_at=told.instants[0]).json()["cases"] == []
    assert then.get("/v1/cases/K1", known_at=told.instants[0]).status_code == 404
    refused = then.get("/v1/cases", known_at=recorded.isoformat(), department="D4")
    assert refused.status_code == 422 and "given anew" in refused.json()["detail"]
    # the correction is for the past, and the past is believed as it was
    for instant, owner in ((told.instants[0], "D8"), (corrected.isoformat(), "D6")):
        zones = then.get("/v1/zones", at="2026-07-15", known_at=instant).json()["features"]
        assert {f["properties"]["code"]: f["properties"]["department"] for f in zones}["Z2"] == owner
