"""The hand-written entry in OpenAPI is true: it names all there is, answers fit it, requests made from it are taken."""

from __future__ import annotations

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api import many, single
from api.asked import KNOWN
from tests.api.conftest import Served, degrees

HERE = {**degrees(101, 101), "class": "2026:C01002"}


@pytest.fixture(scope="module")
def description(served: Served) -> dict:
    return served.get("/openapi.json").json()


def validator(description: dict, schema: dict) -> jsonschema.Draft202012Validator:
    root = schema | {"components": description["components"]}
    jsonschema.Draft202012Validator.check_schema(root)
    return jsonschema.Draft202012Validator(root)


def schema_of(description: dict, method: str, status: int) -> dict:
    return description["paths"]["/v1/resolve"][method]["responses"][str(status)]["content"]["application/json"][
        "schema"
    ]


def test_it_names_every_parameter_field_and_column(description: dict):
    route = description["paths"]["/v1/resolve"]
    assert [p["name"] for p in route["get"]["parameters"]] == list(single.PARAMETERS)
    assert [p["name"] for p in route["post"]["parameters"]] == list(many.PARAMETERS)
    schemas = description["components"]["schemas"]
    assert set(schemas["Case"]["properties"]) == set(KNOWN) == set(schemas["CaseColumns"]["properties"])
    assert tuple(schemas["Row"]["required"]) == many.COMPACT
    example = route["post"]["requestBody"]["content"]["application/json"]["examples"]
    body = validator(description, route["post"]["requestBody"]["content"]["application/json"]["schema"])
    assert [body.is_valid(example[form]["value"]) for form in ("rows", "columns")] == [True, True]


@pytest.mark.parametrize("explain", ["", "explain=1"])
def test_answers_fit_it(served: Served, description: dict, explain: str):
    rng = np.random.default_rng(5)
    rows = [HERE | degrees(*rng.uniform(-30, 430, 2)) | {"accuracy_m": 20, "id": i} for i in range(40)]
    rows += [
        HERE | {"lon": None},
        HERE | {"class": "2026:C0l002"},
        HERE | {"at": "soon"},
        HERE | {"x": 1},
        HERE | {"id": "a"},
    ]
    rows.append(degrees(3000, 0))
    whole = validator(description, schema_of(description, "post", 200))
    found = served.post(f"/v1/resolve?{explain}", json={"cases": rows}).json()
    whole.validate(found)
    assert found["faults"] == 3 and whole.is_valid(found | {"faults": "3"}) is False
    fine = [row for row in rows if "x" not in row]
    columns = {name: [row.get(name) for row in fine] for name in ("lon", "lat", "class", "at", "id")}
    whole.validate(served.post(f"/v1/resolve?{explain}", json=columns).json())
    swapped = served.post(f"/v1/resolve?{explain}", json={"lon": [HERE["lat"]], "lat": [HERE["lon"]]}).json()
    whole.validate(swapped)
    assert "look swapped" in swapped["hint"]
    whole.validate(served.post(f"/v1/resolve?{explain}", json={"cases": []}).json())


def test_one_answer_and_every_error_fit_it(served: Served, description: dict):
    one = validator(description, schema_of(description, "get", 200))
    for query in (HERE, degrees(3000, 0), {"lon": 111.0005, "lat": 35.0305}, HERE | {"accuracy_m": 40}):
        one.validate(served.get("/v1/resolve", **query).json())
    for method, answer in (
        ("get", served.get("/v1/resolve")),
        ("post", served.post("/v1/resolve", content=b"{")),
        ("post", served.post("/v1/resolve?strict=1", json={"cases": [HERE | {"class": "x"}]})),
        ("post", served.post("/v1/resolve?explain=maybe", json={"cases": [HERE]})),
        ("post", served.post("/v1/resolve", content=b"x", headers={"content-encoding": "br"})),
    ):
        validator(description, schema_of(description, method, answer.status_code)).validate(answer.json())


def made_from(schema: dict, resolve: dict) -> st.SearchStrategy:
    """Values that a schema of ours allows; a few forms of schema are all that it takes."""
    if "$ref" in schema:
        return made_from(resolve[schema["$ref"].rpartition("/")[2]], resolve)
    if "anyOf" in schema:
        return st.one_of([made_from(one, resolve) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "object":
        fields = {name: made_from(one, resolve) for name, one in schema["properties"].items()}
        must = {name: fields.pop(name) for name in schema["required"]}
        return st.fixed_dictionaries(must, optional=fields)
    if schema["type"] == "array":
        return st.lists(made_from(schema["items"], resolve), max_size=3)
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=min(schema.get("maxLength", 9), 9))
    words = st.sampled_from(["2026:C01002", "C01037", "2026-07-01", "2026-07-01T08:00Z", "", "now"])
    return {
        "string": text | words,
        "integer": st.integers(-(2**53), 2**53),
        "null": st.none(),
        "number": st.sampled_from([HERE["lon"], HERE["lat"], 0, 40.5, 200, -3.25, 1e12]).filter(
            lambda v: schema.get("minimum", v) <= v <= schema.get("maximum", v)
        ),
    }[schema["type"]]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_requests_made_from_it_are_taken_and_answered_as_it_says(
    served: Served, description: dict, data: st.DataObject
):
    schemas = description["components"]["schemas"]
    body = data.draw(made_from(schemas["Cases"], schemas))
    whole = validator(description, schema_of(description, "post", 200))
    found = served.post("/v1/resolve?explain=" + data.draw(st.sampled_from("01")), json=body)
    assert found.status_code == 200, found.text
    whole.validate(found.json())
    assert len(found.json()["cases"]) == len(body["cases"])
    columns = {name: [case.get(name) for case in body["cases"]] for name in KNOWN if name != "id"}
    by_columns = served.post("/v1/resolve", json=columns).json()
    whole.validate(by_columns)
    by_rows = served.post("/v1/resolve", json=body).json()["cases"]
    assert [row["fault"] for row in by_rows] == by_columns["fault"]

    query = {
        p["name"]: data.draw(made_from(p["schema"], schemas))
        for p in description["paths"]["/v1/resolve"]["get"]["parameters"]
        if p["required"] or data.draw(st.booleans())
    }
    answer = served.get("/v1/resolve", **query)
    assert answer.status_code in (200, 422), answer.text
    validator(description, schema_of(description, "get", answer.status_code)).validate(answer.json())
