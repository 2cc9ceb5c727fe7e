"""The checker agrees with the engine on random answers, and with no changed one."""

from __future__ import annotations

import ast
import copy
import json
import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Transformer

import gis
from gis.answer import answer as answer_one
from gis.answer import explain
from gis.assign import assign
from gis.convert import Cases
from gis.crs import gcj_to_bd, to_lonlat, wgs_to_gcj
from gis.one import read_one
from gis.proof import answer_rows, prove, prove_rows, read_rows
from gis.sealed import in_order, seal
from grids.errors import InputError
from tests import town
from tests.gis.proof import questions

KNOWN = {"gis.model", "gis.wording", "gis.sealed", "gis.proof"}
"""All of gis that the checker may import."""


def both(i: int) -> str:
    return "zh" if i % 2 else "en"


def wrong(found: list) -> dict[int, list[str]]:
    return {i: [str(fault) for fault in faults] for i, faults in enumerate(found) if faults}


def test_every_word_of_ten_thousand_answers_holds(small, large):
    for place, n in ((small, 6_000), (large, 4_000)):
        answers = place.answers(place.asked(n, seed=1), lang=both)
        assert not wrong(prove(place.ground, answers))
        rules = {answer["rule"] for answer in answers}
        assert rules >= {"component_named", "component_nearest", "zone_area", "territory", "outside"}
        whys = {line.split()[0] for answer in answers for line in answer["why"]}
        assert {"zone", "department", "component"} <= whys


@pytest.mark.parametrize("seed", [11])
def test_a_hundred_thousand_random_answers_hold(large, seed):
    rows_hold(large, 100_000, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20, 30))
def test_a_million_random_answers_hold(large, seed):
    rows_hold(large, 100_000, seed)


def rows_hold(place, n: int, seed: int) -> None:
    asked = questions.in_degrees(place.snapshot, place.asked(n, seed))
    cases = Cases.read(
        place.snapshot,
        asked["lon"],
        asked["lat"],
        asked["class"],
        crs="EPSG:4326",
        components=asked["component"],
        at=asked["at"],
    )
    told = assign(cases, place.snapshot).frame().assign(at=asked["at"])
    assert set(told["rule"]) >= {"component_named", "component_nearest", "zone_line", "zone_area", "territory"}
    assert told["on_edge"].sum() > n / 20
    read = read_rows(place.ground, asked.assign(x=asked["lon"], y=asked["lat"], no_location=""), crs="EPSG:4326")
    done = prove_rows(place.ground, answer_rows(told), read)
    assert (done.rows, done.left, done.wrong, done.faults) == (n, 0, 0, [])


def test_doubt_is_found_again(small, large):
    for place, n in ((small, 30), (large, 20)):
        answers = place.answers(place.asked(n, seed=4, accuracy=(0.0, 0.5, 0.5)), lang=both)
        assert not wrong(prove(place.ground, answers))
        assert any(answer["question"] for answer in answers) and any(answer["changes"] for answer in answers)


# ---------------------------------------------------------------- changed answers


def leaves(value: Any, path: tuple = ()) -> list[tuple]:
    """Paths to every value of an answer, lists and objects too."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(leaf for key, one in inner for leaf in leaves(one, (*path, key)))]


def other(value: Any, draw: st.DataObject) -> Any:
    """A value that is another one."""
    kinds = st.none() | st.booleans() | st.floats(0, 1) | st.integers(-9, 9) | st.text(max_size=5)
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + draw.draw(st.sampled_from([1e-3, 1e-4, 1.0, -0.5, 3e-7]))
    if isinstance(value, str) and value:
        at = draw.draw(st.integers(0, len(value) - 1))
        return draw.draw(st.sampled_from([value[:at] + value[at + 1 :], value + "0", value[::-1] + "."]))
    if isinstance(value, list) and value:
        return draw.draw(st.sampled_from([value[:-1], value[1:], [*value, value[0]]]))
    if isinstance(value, dict) and value:
        gone = draw.draw(st.sampled_from(sorted(value)))
        return {key: one for key, one in value.items() if key != gone}
    return draw.draw(kinds.filter(lambda new: json.dumps(new) != json.dumps(value)))


def changed(answer: dict[str, Any], path: tuple, value: Any) -> dict[str, Any]:
    out = copy.deepcopy(answer)
    at = out
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return out


@pytest.fixture(scope="module")
def several(small):
    """Answers of every rule, some with doubt, none alike."""
    plain = small.answers(small.asked(600, seed=2), lang=both)
    doubtful = small.answers(small.asked(40, seed=3, accuracy=(0.0, 0.5, 0.5)), lang=both)
    by_rule = {(a["rule"], bool(a["joint"]), a["on_edge"]): a for a in plain}
    asked = next(a for a in doubtful if a["question"] and len(a["changes"]) > 1)
    nowhere = json.loads(json.dumps(explain_nowhere(small)))
    return [*by_rule.values(), asked, nowhere]


def explain_nowhere(small) -> dict[str, Any]:
    lon, lat = town.CITY.default_points[0]
    cases = Cases.read(small.snapshot, [lon], [lat], ["2026:E06010"], crs="EPSG:4326", at=town.DAY)
    asked = {"lon": lon, "lat": lat, "crs": "EPSG:4326", "class": "2026:E06010", "component": ""}
    return explain(cases, 0, small.snapshot, asked)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_any_changed_field_makes_it_fail(small, several, draw):
    answer = draw.draw(st.sampled_from(several))
    path = draw.draw(st.sampled_from(leaves(answer)[1:]))
    value = answer
    for key in path:
        value = value[key]
    new = changed(answer, path, other(value, draw))
    assert fails(small, new), (path, value)


def fails(place, answer: dict[str, Any]) -> bool:
    try:
        return bool(prove(place.ground, [answer])[0])
    except InputError:  # what is left is no answer
        return True


def test_every_field_of_an_answer_is_looked_at_in_turn(small, several):
    """Field by field, and sealed anew: the replay itself finds what the seal would hide."""
    replayed = {"snapshot", "at", "known_at", "unit", "areas", "owner", "rule", "reason", "joint", "component", "zone",
                "on_edge", "probability", "ask_first", "question", "changes", "candidates", "why"}  # fmt: skip
    for answer in several:
        assert not wrong(prove(small.ground, [answer]))
        for path in leaves(answer)[1:]:
            if path[0] not in replayed:
                continue
            value = answer
            for key in path:
                value = value[key]
            new = changed(
                answer, path, "?" if not isinstance(value, (int, float)) or isinstance(value, bool) else 0.4321
            )
            if value == 0.4321:
                continue
            new["seal"] = seal(new)
            assert fails(small, new), path
        for name in answer:
            gone = {key: value for key, value in answer.items() if key != name}
            assert fails(small, gone), name


def test_a_changed_question_fails_though_its_answer_may_be_true(small, several):
    answer = several[0]
    for name, value in (("class", "2026:E07001"), ("component", "x"), ("lon", answer["asked"]["lon"] + 1e-6),
                        ("accuracy_m", 0.0), ("crs", "EPSG:4547"), ("at", "2026-07-03T00:00:00Z")):  # fmt: skip
        assert fails(small, changed(answer, ("asked", name), value)), name
    assert fails(small, answer | {"more": 1}) and not fails(small, answer | {"id": "WM1", "fault": None})


def test_tools_that_rewrite_json_do_no_harm(small, several):
    for answer in several:
        mixed = json.loads(json.dumps(answer, sort_keys=True, indent=2))
        assert not fails(small, mixed)
        assert not fails(small, json.loads(json.dumps(mixed), parse_float=whole))


def whole(text: str) -> float | int:
    """As tools do that write 5.0 as 5."""
    return int(float(text)) if float(text).is_integer() else float(text)


def test_the_seal_knows_every_field_in_its_order(small, several):
    for answer in several:
        assert seal(answer) == answer["seal"] == seal(in_order(answer, small.snapshot.area_sets))
        assert list(in_order(answer, small.snapshot.area_sets))[:-1] == list(answer)[:-1]


def test_an_answer_of_another_version_fails_with_one_line(small, large):
    answer = large.answers(large.asked(1, seed=1))[0]
    (fault,) = (f for f in prove(small.ground, [answer])[0] if f.field != "seal")
    assert str(fault) == (
        f"snapshot: the answer says '{answer['snapshot']}', the file is '{small.snapshot.version}' "
        "(a snapshot of the city 'town')"
    )


def test_degrees_and_shifted_places_are_replayed(small):
    rng = np.random.default_rng(3)
    lon, lat = to_lonlat(town.X0 + rng.uniform(-20, 420, 80), town.Y0 + rng.uniform(-20, 420, 80), town.CITY.srid)
    utm = Transformer.from_crs(4326, 32649, always_xy=True)
    ways = {
        "EPSG:4326": (lon, lat),
        "EPSG:4490": (lon, lat),
        "gcj02": wgs_to_gcj(lon, lat),
        "BD-09": gcj_to_bd(*wgs_to_gcj(lon, lat)),
        "EPSG:32649": utm.transform(lon, lat),
    }
    for crs, there in ways.items():
        answers = []
        for x, y in zip(*(side.tolist() for side in there), strict=True):
            case = read_one(small.snapshot, x, y, "2026:E06010", crs=crs, at_us=1_785_000_000_000_000)
            asked = {"lon": x, "lat": y, "crs": crs, "class": "2026:E06010", "component": ""}
            answers.append(json.loads(json.dumps(answer_one(case, small.snapshot, asked))))
        assert not wrong(prove(small.ground, answers)), crs
        assert len({told["unit"] and told["unit"]["code"] for told in answers}) > 10, crs


def test_rows_that_were_changed_are_named(small):
    frame = small.asked(300, seed=6, accuracy=(0.7, 0.0, 0.3))
    told = assign(questions.cases(small.snapshot, frame), small.snapshot).frame().assign(at=frame["at"])
    read = read_rows(small.ground, frame.assign(x=frame["x"] / 1000, y=frame["y"] / 1000, no_location=""), crs="")
    held = prove_rows(small.ground, answer_rows(told), read, shares=5)
    assert held.wrong == 0 and held.doubtful > 50 and held.asked <= 5
    for name in told.columns:
        at = int(np.flatnonzero(told[name].notna() & (told["rule"] != "outside"))[3])
        value = told[name].iloc[at]
        new = not value if isinstance(value, (bool, np.bool_)) else value + 2 if isinstance(value, float) else "x"
        if name == "at":
            new = value + np.timedelta64(1, "us")
        bad = told.astype({name: object}) if isinstance(new, str) else told.copy()
        bad.loc[at, name] = new
        done = prove_rows(small.ground, answer_rows(bad), read, shares=0)
        assert done.wrong == 1 and {row for row, _ in done.faults} == {at + 1}, name
        assert name in {fault.field for _, fault in done.faults}


def test_a_wrong_probability_of_a_row_is_found(small):
    frame = small.asked(20, seed=8, accuracy=(0.0, 0.5, 0.5))
    told = assign(questions.cases(small.snapshot, frame), small.snapshot).frame()
    read = read_rows(small.ground, frame.assign(x=frame["x"] / 1000, y=frame["y"] / 1000, no_location=""), crs="")
    assert prove_rows(small.ground, answer_rows(told), read).wrong == 0
    told["probability"] = np.where(told["probability"] > 0.5, told["probability"] - 0.011, told["probability"] + 0.011)
    told["ask_first"] = told["probability"] < town.CITY.ask_below
    done = prove_rows(small.ground, answer_rows(told), read)
    assert done.wrong == 20 and {fault.field for _, fault in done.faults} == {"probability"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"owner": None}, "does not say what was asked"),
        ([1], "is no answer"),
        ("text", "is no answer"),
    ],
)
def test_what_is_no_answer_in_full_is_refused(small, answer, said):
    with pytest.raises(InputError, match=said):
        prove(small.ground, [answer])


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("class", "2026:E99999", "asked.class: the city has no class '2026:E99999'"),
        ("crs", "EPSG:9", "asked.crs: 'EPSG:9' is no coordinate system"),
        ("lon", "111", "asked.lon: is no number"),
        ("accuracy_m", -3.0, "asked.accuracy_m: is below zero"),
        ("at", "2026-07-01", "asked.at: is no instant in UTC"),
        ("at", "2026-07-01T00:00:00+08:00Z", "asked.at: is no instant in UTC"),
        ("at", "12026-13-01T00:00:00Z", "asked.at: is no instant in UTC"),
        ("lang", "fr", "asked.lang: the answer says 'fr', the snapshot gives nothing (it is one of en, zh)"),
        ("lon", math.nan, "seal: something of the answer was changed after it was given"),
    ],
)
def test_a_question_that_cannot_be_asked_is_named(small, several, name, value, said):
    answer = changed(several[0], ("asked", name), value)
    assert said in [str(fault) for fault in prove(small.ground, [answer])[0]]


# ---------------------------------------------------------------- independence


def test_the_checker_imports_nothing_of_the_engine():
    for path in (Path(gis.__file__).parent / "proof").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                ours = name.split(".")[0] in ("gis", "api", "grids")
                assert not ours or name == "grids.errors" or ".".join(name.split(".")[:2]) in KNOWN, (path.name, name)


def test_the_linter_keeps_the_engine_from_the_checker():
    root = Path(gis.__file__).parent.parent
    contracts = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (ours,) = (c for c in contracts["contracts"] if c.get("source_modules") == ["gis.proof"])
    engine = ("answer", "assign", "convert", "crs", "decide", "doubt", "evidence", "exact", "grouped", "nearest", "one")
    assert {f"gis.{room}" for room in (*engine, "raster", "snapshot")} <= set(ours["forbidden_modules"])
