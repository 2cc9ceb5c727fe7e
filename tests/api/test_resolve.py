"""One answer and many: the forms agree with each other and with the engine; bad input is one clear line."""

from __future__ import annotations

import io
import math
import re

import numpy as np
import orjson
import pyarrow as pa
import pytest
from pyarrow import ipc

from gis.assign import Cases, assign
from gis.snapshot import Snapshot
from tests import town
from tests.api.conftest import Served, degrees, serving, settings

ARROW = {"content-type": "application/vnd.apache.arrow.stream"}
HERE = {**degrees(101, 101), "class": "2026:C01002"}
COMPACT = ["unit", "department", "rule", "reason", "component", "distance_m", "probability", "ask_first", "fault"]


def stream(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    with ipc.new_stream(sink, table.schema, options=ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue()


@pytest.fixture(scope="module")
def many() -> dict[str, list]:
    rng = np.random.default_rng(1)
    places = [degrees(x, y) for x, y in rng.uniform(-30, 430, (300, 2))]
    classes = rng.choice(["2026:C01002", "2026:C01037", "2026:E06010", "2013:E0105", "C01003", ""], 300)
    columns = {n: [p[n] for p in places] for n in ("lon", "lat")} | {"class": classes.tolist()}
    columns["accuracy_m"] = rng.choice([5.0, 30.0], 300).tolist()
    columns["at"] = rng.choice(["2026-01-15", "2026-06-30T23:00:00Z", "2026-08-01T12:00:00+08:00"], 300).tolist()
    columns["lon"][7] = columns["lat"][7] = None
    return columns


def rows_of(columns: dict[str, list]) -> list[dict]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def test_one_answer_in_full(served: Served):
    answer = served.get("/v1/resolve", **HERE, at="2026-07-01T08:00:00+08:00")
    assert answer.status_code == 200
    found = answer.json()
    assert found["owner"] == {"department": "D0", "name": "市城管局"}
    assert found["rule"] == "component_nearest" and found["reason"] is None
    assert found["component"]["code"] == "14080201002000001"
    assert found["component"]["distance_m"] == pytest.approx(math.sqrt(2), abs=2e-3)
    assert found["unit"]["code"] == "140802001001002" and found["unit"]["district"] == "140802"
    assert found["at"] == "2026-07-01T00:00:00Z"
    assert found["candidates"][0]["why_lost"] is None and found["candidates"][1]["why_lost"] and found["why"]
    ready = served.get("/ready").json()
    assert found["snapshot"] == ready["snapshot"] and found["known_at"] == ready["known_at"]


def test_a_default_point_and_a_place_beyond_are_answers(served: Served):
    nowhere = served.get("/v1/resolve", lon=111.0005, lat=35.0305, **{"class": "2026:E06010"}).json()
    assert (nowhere["rule"], nowhere["reason"], nowhere["owner"]) == ("no_location", "default_point", None)
    beyond = served.get("/v1/resolve", **degrees(2000, 100), **{"class": "2026:E06010"}).json()
    assert (beyond["rule"], beyond["owner"]) == ("outside", None)


def test_other_coordinates_give_the_same_answer(served: Served):
    x, y = town.X0 + 101, town.Y0 + 101
    metric = served.get("/v1/resolve", lon=x, lat=y, crs="EPSG:4546", **{"class": "2026:C01002"}).json()
    assert metric["component"]["code"] == "14080201002000001"


def test_the_forms_agree_with_each_other_and_the_engine(served: Served, many: dict[str, list]):
    by_rows = served.post("/v1/resolve", json={"cases": rows_of(many)}).json()["cases"]
    by_columns = served.post("/v1/resolve", json=many).json()
    by_arrow = served.post("/v1/resolve", content=stream(pa.table(many)), headers=ARROW)
    assert by_arrow.headers["content-type"] == ARROW["content-type"]
    table = ipc.open_stream(by_arrow.content).read_all()
    assert list(by_rows[0]) == COMPACT and table.column_names == COMPACT
    assert [list(row.values()) for row in by_rows] == [
        list(v) for v in zip(*(by_columns[c] for c in COMPACT), strict=True)
    ]
    assert table.to_pylist() == by_rows
    assert table.schema.metadata[b"snapshot"].decode() == by_columns["snapshot"]

    snapshot = Snapshot.compile(town.CITY, town.layers())
    zoned = [t if "T" in t else t + "T00:00:00+08:00" for t in many["at"]]
    lon, lat = (np.array(many[n], dtype=float) for n in ("lon", "lat"))
    accuracy = np.array(many["accuracy_m"])
    cases = Cases.read(snapshot, lon, lat, many["class"], crs="EPSG:4326", at=zoned, accuracy_m=accuracy)
    frame = assign(cases, snapshot).frame()
    for name in ("unit", "department", "rule", "reason", "component"):
        assert [v or "" for v in by_columns[name]] == frame[name].tolist(), name
    assert len(set(by_columns["rule"])) >= 5  # the cases are no monoculture


def test_explained_answers_are_those_of_one_by_one(served: Served, many: dict[str, list]):
    few = rows_of({name: values[:20] for name, values in many.items()})
    rows = served.post("/v1/resolve?explain=1", json={"cases": few}).json()["cases"]
    columns = served.post("/v1/resolve?explain=1", json={n: v[:20] for n, v in many.items()}).json()
    body = stream(pa.table({n: v[:20] for n, v in many.items()}))
    answers = ipc.open_stream(served.post("/v1/resolve?explain=1", content=body, headers=ARROW).content).read_all()
    for i, row in enumerate(rows):
        one = {k: v for k, v in few[i].items() if v is not None}
        if "lon" in one:
            assert served.get("/v1/resolve", **one).json() | {"fault": None} == row
        assert columns["rule"][i] == row["rule"] and columns["why"][i] == row["why"]
    assert [pa_row["answer"] for pa_row in answers.to_pylist()] and len(answers) == 20


def test_ids_come_back_and_no_cases_are_no_error(served: Served):
    rows = [HERE | {"id": "b"}, HERE | {"id": 7}]
    assert [c["id"] for c in served.post("/v1/resolve", json={"cases": rows}).json()["cases"]] == ["b", 7]
    assert served.post("/v1/resolve", json={"cases": []}).json()["cases"] == []
    empty = pa.table(
        {"lon": pa.array([], pa.float64()), "lat": pa.array([], pa.float64()), "class": pa.array([], "str")}
    )
    assert (
        len(ipc.open_stream(served.post("/v1/resolve", content=stream(empty), headers=ARROW).content).read_all()) == 0
    )


def test_arrow_takes_dictionaries_timestamps_and_chunks(served: Served):
    one = pa.table(
        {
            "lon": pa.array([HERE["lon"]] * 2, pa.float64()),
            "lat": pa.array([HERE["lat"]] * 2, pa.float64()),
            "class": pa.array(["2026:C01002", None]).dictionary_encode(),
            "at": pa.array([1782864000000, None], pa.timestamp("ms", "UTC")),
        }
    )
    table = pa.concat_tables([one, one])
    found = ipc.open_stream(served.post("/v1/resolve", content=stream(table), headers=ARROW).content).read_all()
    rules = found["rule"].to_pylist()
    assert rules[0] == rules[2] == "component_nearest" and rules[1] == rules[3] != "component_nearest"


LON, LAT = HERE["lon"], HERE["lat"]


@pytest.mark.parametrize(
    ("query", "at", "says"),
    [
        ({}, "lon", "is missing"),
        ({"lon": LON, "lat": LAT, "crs": "EPSG:4546"}, "lon", "look like degrees, and EPSG:4546 is not in degrees"),
        ({"lon": LAT, "lat": LON, "crs": "EPSG:4546"}, "lon", "look like degrees"),
        ({"lon": "nan", "lat": LAT, "class": "2026:E06010"}, "lon", "nan is no coordinate"),
        ({"lon": "inf", "lat": LAT, "class": "2026:E06010"}, "lon", "inf is no coordinate"),
        ({"lon": "east", "lat": LAT, "class": "2026:E06010"}, "lon", "'east' is wrong"),
        ({"lon": LAT, "lat": LON, "class": "2026:E06010"}, "lon", f"look swapped; send lon {LON:g}, lat {LAT:g}"),
        ({"lon": 200, "lat": LAT, "class": "2026:E06010"}, "lon", "200 is beyond ±180"),
        ({"lon": LON, "lat": LAT, "class": "2026:C0l002"}, "class", "did you mean 2026:C01002"),
        ({"lon": LON, "lat": LAT, "class": "C0103"}, "class", "once 2013:C0103"),
        ({"lon": LON, "lat": LAT, "class": "2026:C01002", "crs": "gcj"}, "crs", "did you mean gcj02?"),
        ({"lon": LON, "lat": LAT, "class": "2026:C01002", "crs": "+proj=lcc +x"}, "crs", "EPSG:n, gcj02 or bd09"),
        ({"lon": LON, "lat": LAT, "class": "2026:C01002", "at": "2026-02-30"}, "at", "'2026-02-30' is no time"),
        ({"lon": LON, "lat": LAT, "class": "2026:C01002", "known_at": "2020-01-01"}, "known_at", "ask from"),
        ({"lon": LON, "lat": LAT, "class": "2026:C01002", "accuracy_m": -1}, "accuracy_m", "-1 is below zero"),
        ({"lon": LON, "lat": LAT, "class": "2026:C01002", "accuracy_m": 1e9}, "accuracy_m", "0 to 100,000 metres"),
        ({"lon": LON, "lat": LAT, "class": "2026:C01002", "accuracy_m": "nan"}, "accuracy_m", "nan is no distance"),
        ({"lon": LON, "lat": LAT, "class": "2026:C01002", "accuracy_m": "inf"}, "accuracy_m", "is infinite"),
        ({"lon": LON, "lat": LAT, "class": "2026:C01002", "component": "140802010020"}, "component", "has 12 digits"),
        ({"lon": LON, "lat": LAT, "class": "x" * 300}, "class", "at most 200 characters"),
    ],
)
def test_bad_queries_are_one_clear_line(served: Served, query: dict, at: str, says: str):
    answer = served.get("/v1/resolve", **query)
    assert answer.status_code == 422, answer.text
    body = answer.json()
    assert set(body) == {"error", "detail", "at"} and body["error"] == "InputError"
    assert body["at"] == at and says in body["detail"] and "\n" not in body["detail"]


@pytest.mark.parametrize(
    ("body", "status", "at", "says"),
    [
        (b"", 400, "body", "the body is empty"),
        (b"  \n", 400, "body", "the body is empty"),
        (b'{"cases": [', 400, "body", "it is no JSON"),
        (b'{"lon": [NaN], "lat": [1], "class": [""]}', 400, "body", "write null where there is no value"),
        (b"\xff\xfe{}", 400, "body", "it is no JSON"),
        (b"[" * 100_000, 400, "body", "it is no JSON"),
        (b"[]", 422, "body", "the body is a list"),
        (b'{"cases": {}}', 422, "cases", "cases is a object"),
        (b'{"cases": [], "crs": "gcj02"}', 422, "body", "crs goes in the query"),
        (b'{"lon": [1, 2], "lat": [1], "class": [""]}', 422, "body", "columns of different lengths"),
        (b'{"lon": 1, "lat": [1], "class": [""]}', 422, "lon", "is a number, not a list"),
        (b'{"lon": [1], "class": [""]}', 422, "body", "lat is missing"),
        (b'{"lon": [1], "lat": [1], "lon": [2]}', 422, "lon", "'lon' is given twice in one object"),
        (b'{"cases": [], "cases": []}', 422, "cases", "given twice"),
    ],
)
def test_bad_bodies_are_one_clear_line(served: Served, body: bytes, status: int, at: str, says: str):
    answer = served.post("/v1/resolve", content=body)
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert told["at"] == at and says in told["detail"] and "\n" not in told["detail"]


@pytest.mark.parametrize(
    ("body", "at", "says"),
    [
        (b'{"cases": [1]}', "cases[0]", "is a number, not an object"),
        (b'{"cases": [{"lon": 111.0}]}', "cases[0]", "lat is missing"),
        (b'{"cases": [{"lon": 1, "lat": 1, "class": "", "clas": ""}]}', "cases[0]", "did you mean class?"),
        (b'{"cases": [{"lon": "1", "lat": 1, "class": ""}]}', "cases[0].lon", "is a text, not a number"),
        (b'{"lon": [1], "lat": [true], "class": [""]}', "lat[0]", "is a truth value, not a number"),
        (b'{"lon": [1], "lat": [1], "class": [5]}', "class[0]", "is a number, not a text"),
        (b'{"cases": [{"lon": 1, "lat": 1}, {"lat": 1, "lon": 2, "lat": 3}]}', "cases[1]", "given twice"),
    ],
)
def test_a_row_at_fault_is_told_in_its_place_and_refuses_all_only_when_that_is_asked(
    served: Served, body: bytes, at: str, says: str
):
    answer = served.post("/v1/resolve", content=body)
    assert answer.status_code == 200 and answer.json()["faults"] == 1, answer.text
    found = answer.json()
    rows = found.get("cases") or rows_of({name: found[name] for name in COMPACT})
    row = int(re.search(r"\[(\d)\]", at)[1])
    assert says in rows[row]["fault"] and all(v is None for k, v in rows[row].items() if k != "fault")
    assert all(r["fault"] is None and r["rule"] for i, r in enumerate(rows) if i != row)
    told = served.post("/v1/resolve?strict=1", content=body)
    assert told.status_code == 422 and told.json()["at"] == at and says in told.json()["detail"]


def test_no_class_leaves_what_takes_everything(served: Served):
    place = degrees(101, 101)
    answers = [
        served.get("/v1/resolve", **place, at="2026-07-01").json(),
        served.get("/v1/resolve", **place, at="2026-07-01", **{"class": ""}).json(),
        served.post("/v1/resolve?explain=1&at=2026-07-01", json={"cases": [place]}).json()["cases"][0],
        served.post("/v1/resolve?explain=1&at=2026-07-01", json={"cases": [place | {"class": None}]}).json()["cases"][
            0
        ],
    ]
    assert answers[0]["owner"] and answers[0]["component"] is None
    assert all({"fault": None, **a} == {"fault": None, **answers[0]} for a in answers)
    table = pa.table({n: [v] for n, v in place.items()})
    found = ipc.open_stream(served.post("/v1/resolve?at=2026-07-01", content=stream(table), headers=ARROW).content)
    assert found.read_all()["rule"].to_pylist() == [answers[0]["rule"]]


def test_a_body_may_begin_with_the_mark_of_utf8(served: Served):
    plain = orjson.dumps({"cases": [HERE | {"at": "2026-07-01"}]})
    marked = served.post("/v1/resolve", content=b"\xef\xbb\xbf" + plain)
    assert marked.status_code == 200 and marked.json() == served.post("/v1/resolve", content=plain).json()


def test_names_of_fields_may_be_values(served: Served):
    rows = {"cases": [HERE | {"id": "lon"}, HERE | {"id": "lon"}]}
    assert [c["id"] for c in served.post("/v1/resolve", json=rows).json()["cases"]] == ["lon", "lon"]


def test_places_that_cannot_be_in_a_batch(served: Served):
    both = {"cases": [HERE, HERE | {"lon": 181}]}
    rows = served.post("/v1/resolve", json=both).json()["cases"]
    assert rows[0]["rule"] and rows[1]["rule"] is None and "lon: 181 is beyond ±180" in rows[1]["fault"]
    told = served.post("/v1/resolve?strict=1", json=both)
    assert told.status_code == 422 and told.json()["at"] == "cases[1].lon" and "beyond ±180" in told.json()["detail"]
    none = pa.table({"lon": [LON, math.nan, None], "lat": [LAT, LAT, LAT], "class": ["2026:C01002"] * 3})
    found = ipc.open_stream(served.post("/v1/resolve", content=stream(none), headers=ARROW).content).read_all()
    assert found["reason"].to_pylist() == [None, "missing", "missing"]
    endless = pa.table({"lon": [LON, math.inf], "lat": [LAT, LAT], "class": ["2026:C01002"] * 2})
    found = ipc.open_stream(served.post("/v1/resolve", content=stream(endless), headers=ARROW).content).read_all()
    assert found["fault"].to_pylist() == [None, "lon: is infinite"] and found["rule"].to_pylist()[1] is None
    assert found.schema.metadata[b"faults"] == b"1"


def test_degrees_among_metres_are_a_place_beyond(served: Served):
    metres = {"lon": town.X0 + 101, "lat": town.Y0 + 101, "class": "2026:C01002"}
    rows = served.post("/v1/resolve?crs=EPSG:4546", json={"cases": [metres, HERE]}).json()["cases"]
    assert rows[0]["unit"] and (rows[1]["rule"], rows[1]["unit"]) == ("outside", None)
    told = served.post("/v1/resolve?crs=EPSG:4546&strict=1", json={"cases": [HERE, HERE]})
    assert told.status_code == 422 and "leave crs out" in told.json()["detail"]
    found = served.post("/v1/resolve?crs=EPSG:4546", json={"cases": [HERE, HERE]}).json()
    assert [r["rule"] for r in found["cases"]] == ["outside"] * 2 and "leave crs out" in found["hint"]


def test_a_batch_is_answered_whatever_some_of_its_rows_are(served: Served):
    bad = [HERE, HERE | {"class": "2026:C99999"}, HERE | {"at": "soon", "accuracy_m": -1}, HERE]
    found = served.post("/v1/resolve", json={"cases": bad}).json()
    alone = served.post("/v1/resolve", json={"cases": [HERE]}).json()["cases"][0]
    assert found["faults"] == 2 and found["cases"][0] == found["cases"][3] == alone
    assert "2026:C99999" in found["cases"][1]["fault"]
    assert "-1 is below zero" in found["cases"][2]["fault"] and "'soon' is no time" in found["cases"][2]["fault"]
    told = served.post("/v1/resolve?strict=1", json={"cases": [HERE] + [HERE | {"class": "2026:E0610"}] * 9})
    assert told.status_code == 422
    assert told.json()["at"] == "cases[1].class" and "and 4 more" in told.json()["detail"]
    in_full = served.post("/v1/resolve?explain=1", json={"cases": bad}).json()["cases"]
    assert [bool(row["fault"]) for row in in_full] == [False, True, True, False]
    assert in_full[1]["owner"] is None and in_full[0]["owner"]


def test_swapped_rows_among_good_ones_are_answered_as_wrong_datum(served: Served):
    swapped = HERE | {"lon": HERE["lat"], "lat": HERE["lon"]}
    rows = served.post("/v1/resolve", json={"cases": [HERE, swapped]}).json()["cases"]
    assert [r["reason"] for r in rows] == [None, "wrong_datum"]
    found = served.post("/v1/resolve", json={"cases": [swapped, swapped]}).json()
    assert [r["reason"] for r in found["cases"]] == ["wrong_datum"] * 2 and "look swapped" in found["hint"]
    told = served.post("/v1/resolve?strict=1", json={"cases": [swapped, swapped]})
    assert told.status_code == 422 and "look swapped" in told.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "the body is empty"),
        (b"not arrow at all", 400, "no Arrow IPC stream"),
        (stream(pa.table({"lon": [1.0], "lat": [1.0], "class": ["a"]}))[:-80], 400, "no Arrow IPC stream"),
        (stream(pa.table({"lon": [1.0], "class": ["a"]})), 422, "column lat is missing"),
        (stream(pa.table({"lon": ["1"], "lat": [1.0], "class": ["a"]})), 422, "is of type string, not float64"),
        (stream(pa.table({"lon": [1.0], "lat": [1.0], "class": [5]})), 422, "is of type int64, not string"),
        (stream(pa.table({"lon": [1.0], "lat": [1.0], "class": ["a"], "long": [1]})), 422, "unknown column 'long'"),
        (stream(pa.table({"lon": [1.0], "lat": [1.0], "class": ["a"]}))[:-8], 400, "ends without its end mark"),
        (
            stream(pa.table({"lon": [1.0], "lat": [1.0], "at": pa.array([0], pa.timestamp("s"))})),
            422,
            "a timestamp without a time zone",
        ),
        (
            stream(pa.table({"lon": [1.0], "lat": [1.0], "class": pa.array(["a"], pa.string_view())})),
            422,
            "is of type string_view",
        ),
    ],
)
def test_bad_streams_are_one_clear_line(served: Served, body: bytes, status: int, says: str):
    answer = served.post("/v1/resolve", content=body, headers=ARROW)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["detail"] and "\n" not in answer.json()["detail"]


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_compressed_buffers_are_refused_before_they_are_unpacked(served: Served, codec: str):
    bomb = stream(
        pa.table({"lon": np.zeros(90_000), "lat": np.zeros(90_000), "class": [""] * 90_000}), compression=codec
    )
    assert len(bomb) < 20_000
    answer = served.post("/v1/resolve", content=bomb, headers=ARROW)
    assert answer.status_code == 400 and "buffers are compressed" in answer.json()["detail"]


def test_more_cases_than_allowed_are_refused(town_dsn: str):
    from api.app import create_app

    with serving(create_app(settings(town_dsn, max_rows=10, max_explained=3))) as small:
        rows = {"cases": [HERE] * 11}
        told = small.post("/v1/resolve", json=rows)
        assert told.status_code == 413 and "11 cases; send at most 10" in told.json()["detail"]
        columns = pa.table({"lon": [LON] * 11, "lat": [LAT] * 11, "class": ["C01002"] * 11})
        told = small.post("/v1/resolve", content=stream(columns), headers=ARROW)
        assert told.status_code == 413 and "11 cases; send at most 10" in told.json()["detail"]
        told = small.post("/v1/resolve?explain=1", json={"cases": [HERE] * 4})
        assert told.status_code == 413 and "at most 3 with explain=1" in told.json()["detail"]
        assert small.post("/v1/resolve", json={"cases": [HERE] * 10}).status_code == 200


def test_an_error_of_the_position_says_how_sure_the_answer_is(served: Served):
    """Ten metres from the border of two streets: one answer, and a row in each form, say the same."""
    here = {**degrees(190, 350), "class": "", "accuracy_m": 20.0}
    told = served.get("/v1/resolve", **here).json()
    assert 0.7 < told["probability"] < 0.8 and told["ask_first"] and set(told["question"]) == {"en", "zh"}
    [change] = told["changes"]
    assert change["department"] == "D3" and change["distance_m"] == pytest.approx(10.0, abs=0.1)
    assert {c["department"]: c["probability"] for c in told["candidates"]}["D3"] == pytest.approx(
        1 - told["probability"], abs=2e-4
    )
    [row] = served.post("/v1/resolve", json={"cases": [here]}).json()["cases"]
    columns = served.post("/v1/resolve", json={name: [value] for name, value in here.items()}).json()
    assert (row["probability"], row["ask_first"]) == (told["probability"], True)
    assert (columns["probability"], columns["ask_first"]) == ([told["probability"]], [True])
    sure = served.get("/v1/resolve", **{**here, "accuracy_m": 0}).json()
    assert (sure["probability"], sure["ask_first"], sure["question"]) == (1.0, False, None)
    far = served.get("/v1/resolve", **{**here, "accuracy_m": 5_000}).json()
    assert far["probability"] < 0.01 and "5000" in far["question"]["zh"]
    nothing = served.get("/v1/resolve", **degrees(190, 350)).json()
    assert (nothing["probability"], nothing["ask_first"], nothing["changes"]) == (None, False, [])


@pytest.mark.parametrize("wrong", ["nan", "-1", "1e9", "inf"])
def test_an_error_that_is_none_is_refused(served: Served, wrong: str):
    refused = served.get("/v1/resolve", **HERE, accuracy_m=wrong)
    assert refused.status_code == 422 and refused.json()["at"] == "accuracy_m"


def test_a_channel_that_the_city_knows_nothing_of_changes_nothing(served: Served):
    told = served.get("/v1/resolve", **HERE, channel="hotline").json()
    assert told["probability"] is None and not told["ask_first"]
    [row] = served.post("/v1/resolve", json={"cases": [{**HERE, "channel": "hotline"}]}).json()["cases"]
    assert row["probability"] is None and row["fault"] is None
