"""Intake: recorded with its answer in one transaction, once for each key; look-up and list."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import orjson
import pandas as pd
import pytest

from gis import store
from gis.store.engine import transaction
from grids.errors import Conflict
from tests.api.conftest import Served, degrees

CASE = {
    **degrees(101, 101),
    "class": "2026:C01002",
    "reported_at": "2026-07-01T08:30:00",
    "channel": "hotline",
    "address": "河东东街",
    "description": "井盖破损",
    "accuracy_m": 5,
}


def in_minutes(minutes: float) -> str:
    return (pd.Timestamp.now(tz="UTC") + pd.Timedelta(minutes=minutes)).isoformat()


def count(served: Served, table: str, where: str = "true") -> int:
    engine = store.connect(served.dsn)
    with transaction(engine) as cursor:
        cursor.execute(f"SELECT count(*) FROM wanmi.{table} WHERE {where}")
        found = cursor.fetchone()[0]
    engine.dispose()
    return found


def test_a_case_is_recorded_with_its_answer(served: Served):
    answer = served.post("/v1/cases", json=CASE)
    assert answer.status_code == 201, answer.text
    given = answer.json()
    assert given["owner"]["department"] == "D0" and given["at"] == "2026-07-01T00:30:00Z"
    assert given["id"].startswith("WM") and answer.headers["location"] == f"/v1/cases/{given['id']}"
    found = served.get(answer.headers["location"]).json()
    assert found["class"] == "2026:C01002" and found["address"] == "河东东街" and found["status"] == "reported"
    assert (found["lon"], found["lat"]) == (pytest.approx(CASE["lon"], abs=1e-7), pytest.approx(CASE["lat"], abs=1e-7))
    assert found["reported_at"] == "2026-07-01T00:30:00Z"
    assert found["answer"]["department"] == "D0" and found["answer"]["snapshot"] == given["snapshot"]
    assert found["answer"]["component"] == given["component"]["code"]
    assert found["answer"]["areas"]["district"] == "140802"
    assert [(e["kind"], e["actor"]) for e in found["events"]] == [("report", "hotline")]


def test_the_same_key_again_gets_the_same_answer(served: Served):
    key = {"Idempotency-Key": "once-1"}
    first = served.post("/v1/cases", json=CASE, headers=key)
    before = count(served, "cases")
    again = served.post("/v1/cases", json=dict(reversed(CASE.items())), headers=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true" and "idempotent-replayed" not in first.headers
    assert count(served, "cases") == before
    other = served.post("/v1/cases", json=CASE | {"address": "elsewhere"}, headers=key)
    assert other.status_code == 409
    assert other.json() == {
        "error": "Conflict",
        "detail": "Idempotency-Key: key 'once-1' came before with another body; take a new key for each case",
        "at": "Idempotency-Key",
    }
    assert count(served, "cases") == before


def test_the_same_key_at_once_is_one_case(served: Served):
    before = count(served, "cases")

    def send(_: int) -> httpx.Response:
        return httpx.post(f"{served.url}/v1/cases", json=CASE, headers={"Idempotency-Key": "race"}, timeout=30)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(16)))
    assert {a.status_code for a in answers} == {201}
    assert len({a.content for a in answers}) == 1
    assert count(served, "cases") == before + 1


def test_a_number_of_the_senders_own_is_taken_once(served: Served):
    own = CASE | {"id": "311/2026-00017"}
    first = served.post("/v1/cases", json=own)
    assert first.status_code == 201 and first.json()["id"] == own["id"]
    assert served.get(f"/v1/cases/{own['id']}").json()["id"] == own["id"]
    again = served.post("/v1/cases", json=own)
    assert again.status_code == 409 and "recorded already" in again.json()["detail"]


def test_cases_without_a_place_are_recorded_and_say_why(served: Served):
    missing = served.post("/v1/cases", json={"lon": None, "lat": None, "class": "2026:E06010"}).json()
    assert (missing["rule"], missing["reason"], missing["owner"]) == ("no_location", "missing", None)
    found = served.get(f"/v1/cases/{missing['id']}").json()
    assert found["lon"] is None and found["answer"]["reason"] == "missing" and found["answer"]["areas"] == {}
    default = served.post("/v1/cases", json={"lon": 111.0005, "lat": 35.0305, "class": "2026:E06010"}).json()
    assert default["reason"] == "default_point"
    assert served.get(f"/v1/cases/{default['id']}").json()["lon"] == pytest.approx(111.0005)


@pytest.mark.parametrize(
    ("change", "status", "at", "says"),
    [
        ({"lon": ...}, 422, "lon", "is missing"),
        ({"class": ...}, 422, "class", "is missing"),
        ({"lon": "111"}, 422, "lon", "'111' is not a number"),
        ({"lon": True}, 422, "lon", "True is not a number"),
        ({"lon": CASE["lat"], "lat": CASE["lon"]}, 422, "lon", "look swapped"),
        ({"lat": 95}, 422, "lat", "95 is beyond ±90"),
        ({"class": "2026:C0l002"}, 422, "class", "did you mean 2026:C01002"),
        ({"class": "C0103"}, 422, "class", "once 2013:C0103"),
        ({"class": ""}, 422, "class", "is empty"),
        ({"class": "  "}, 422, "class", "is empty"),
        ({"class": None}, 422, "class", "is empty; send edition:kind+code"),
        ({"class": 1001}, 422, "class", "1001 is not a text"),
        ({"component": "1408020100200000"}, 422, "component", "class"),
        ({"reported_at": "2026-13-01"}, 422, "reported_at", "is no time"),
        ({"x" * 900: "x"}, 422, "x" * 60 + "…", "is unknown"),
        ({"adress": "x"}, 422, "adress", "did you mean address?"),
        ({"description": "x" * 6000}, 422, "description", "longer than 5000"),
        ({"description": "a\x00b"}, 422, "description", "null character"),
        ({"id": " 7"}, 422, "id", "blanks"),
        ({"accuracy_m": -2}, 422, "accuracy_m", "below zero"),
        ({"accuracy_m": 1e300}, 422, "accuracy_m", "0 to 100,000 metres"),
        ({"accuracy_m": 100_000.5}, 422, "accuracy_m", "0 to 100,000 metres"),
        ({"reported_at": "2099-01-01"}, 422, "reported_at", "'2099-01-01' has not come yet"),
        ({"reported_at": lambda: in_minutes(12)}, 422, "reported_at", "at most 10 minutes from now"),
        ({"reported_at": "0001-01-01"}, 422, "reported_at", "is not between 1900 and 2200"),
    ],
)
def test_bad_cases_are_one_clear_line_and_leave_nothing(served: Served, change: dict, status: int, at: str, says: str):
    before = count(served, "cases"), count(served, "intake"), count(served, "answers")
    case = {k: v() if callable(v) else v for k, v in (CASE | change).items() if v is not ...}
    answer = served.post(
        "/v1/cases", json=case, headers={"Idempotency-Key": f"bad {change}"[:80].encode("ascii", "replace")}
    )
    assert answer.status_code == status, answer.text
    assert answer.json()["at"] == at and says in answer.json()["detail"]
    assert (count(served, "cases"), count(served, "intake"), count(served, "answers")) == before


@pytest.mark.parametrize(("body", "status"), [(b"", 400), (b"{", 400), (b"[]", 422), (b'{"lon": NaN}', 400)])
def test_bodies_that_are_no_case(served: Served, body: bytes, status: int):
    answer = served.post("/v1/cases", content=body)
    assert answer.status_code == status and answer.json()["at"] == "body"


def test_a_key_that_is_too_long_is_refused(served: Served):
    answer = served.post("/v1/cases", json=CASE, headers={"Idempotency-Key": "k" * 256})
    assert answer.status_code == 422 and answer.json()["at"] == "Idempotency-Key"
    assert "at most 255" in answer.json()["detail"] and len(answer.content) < 200
    assert served.post("/v1/cases", json=CASE, headers={"Idempotency-Key": "k" * 255}).status_code == 201


def test_a_case_with_a_field_twice_is_refused_and_a_mark_is_not(served: Served):
    body = orjson.dumps(CASE)
    before = count(served, "cases")
    for name in (b"lon", b"address", b"bogus"):
        twice = served.post("/v1/cases", content=body[:-1] + b', "%s": 1, "%s": 2}' % (name, name))
        assert twice.status_code == 422 and twice.json()["at"] == name.decode()
    assert count(served, "cases") == before
    assert served.post("/v1/cases", content=b"\xef\xbb\xbf" + body).status_code == 201


def test_clocks_that_are_a_little_ahead_are_no_fault(served: Served):
    assert served.post("/v1/cases", json=CASE | {"reported_at": in_minutes(8)}).status_code == 201


def test_a_refusal_of_the_record_shows_no_row(served: Served):
    engine = store.connect(served.dsn)
    with pytest.raises(Conflict) as caught, transaction(engine) as cursor:
        cursor.execute("UPDATE wanmi.cases SET status = 'secret?' || status, accuracy_m = -1")
    assert "violates check constraint" in str(caught.value) and "secret?" not in str(caught.value)
    engine.dispose()


def test_the_list_turns_its_pages(served: Served):
    for i in range(5):
        body = CASE | {"id": f"list-{i}", "reported_at": f"2025-03-0{i + 1}"}
        assert served.post("/v1/cases", json=body).status_code == 201
    seen, after = [], ""
    while after is not None:
        page = served.get("/v1/cases", **{"from": "2025-03-01", "to": "2025-03-05", "limit": 3, "after": after}).json()
        assert len(page["cases"]) <= 3
        seen += [c["id"] for c in page["cases"]]
        after = page["next"]
    assert seen == ["list-0", "list-1", "list-2", "list-3"]
    unit = page["cases"][0]["answer"]["unit"]
    for query in ({"unit": unit}, {"rule": "component_nearest"}, {"department": "D0"}, {"status": "reported"}):
        ids = {c["id"] for c in served.get("/v1/cases", limit=1000, **query).json()["cases"]}
        assert {"list-0", "list-4"} <= ids
    assert served.get("/v1/cases", rule="zone_line", unit=unit).json() == {"cases": [], "next": None}


@pytest.mark.parametrize(
    ("query", "at"), [({"limit": 0}, "limit"), ({"limit": 5000}, "limit"), ({"from": "yesterday"}, "from")]
)
def test_bad_lists_are_one_clear_line(served: Served, query: dict, at: str):
    answer = served.get("/v1/cases", **query)
    assert answer.status_code == 422 and answer.json()["at"] == at


def test_a_case_that_is_not_there(served: Served):
    answer = served.get("/v1/cases/none")
    assert answer.status_code == 404
    assert answer.json() == {"error": "NotFound", "detail": "id: there is no case 'none'", "at": "id"}
