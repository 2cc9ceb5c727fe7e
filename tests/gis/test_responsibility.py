"""Every rule of responsibility on a town that has them all: engine, answer in full and plain loops are one answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gis import decide, exact
from gis.answer import explain
from gis.assign import Cases, assign
from gis.model import DUTIES, EFFECTS, FIRSTS
from gis.snapshot import Snapshot
from grids.catalog import catalog
from grids.errors import InputError
from tests import ruled_town, town
from tests.oracle import Oracle
from tests.ruled_town import day
from tests.town import X0, Y0, box, frame

OUT = np.array([X0, Y0])
LINE = ruled_town.line((0, 0), (80, 0))


@pytest.fixture(scope="module")
def frames():
    return ruled_town.layers()


@pytest.fixture(scope="module")
def snapshot(frames):
    return compiled(frames)


@pytest.fixture(scope="module")
def same():
    book = catalog()
    text = (book.classes["edition"] + ":" + book.classes["kind"] + book.classes["code"]).to_numpy()
    return {text[i]: text[k] for i, k in enumerate(book.to_2026) if k >= 0}


def compiled(frames: dict, **how) -> Snapshot:
    return Snapshot.compile(town.CITY, frames, at=town.DAY, known_at=town.DAY, **how)


def asked(frames: dict, seed: int, count: int) -> pd.DataFrame:
    """Cases on corners and edges of everything, a millimetre beside them, and anywhere."""
    rng = np.random.default_rng(seed)
    zones = frames["zones"]
    along = {k: zones[k].to_numpy(dtype=object) for k in ("side", "from_m", "to_m")}
    shapes = [*frames["areas"].geometry, *exact.footprint(zones.geometry, zones["width_m"], **along)]
    corners = [shapely.get_coordinates(shape) for shape in shapes]
    middles = [(c[1:] + c[:-1]) / 2 for c in corners]
    border = np.vstack([*corners, *middles]).round(3)
    border = border[rng.integers(0, len(border), count // 2)]
    border[::3] += rng.integers(-1, 2, (len(border[::3]), 2)) * 0.001
    xy = np.vstack([border, rng.uniform(-20, 420, (count - len(border), 2)).round(3) + OUT])
    return pd.DataFrame({
        "x": xy[:, 0], "y": xy[:, 1], "class": rng.choice(ruled_town.CLASSES, count),
        "at": pd.to_datetime(pd.Series(rng.choice(ruled_town.DAYS, count)), format="ISO8601", utc=True),
        "component": rng.choice(ruled_town.NAMED, count), "error": rng.choice([0.0, 5.0, 30.0], count),
    })  # fmt: skip


def read(snapshot: Snapshot, rows: pd.DataFrame) -> Cases:
    return Cases.read(
        snapshot, rows["x"], rows["y"], rows["class"], components=rows["component"], at=rows["at"],
        accuracy_m=rows["error"],
    )  # fmt: skip


def agree(snapshot: Snapshot, oracle: Oracle, rows: pd.DataFrame) -> pd.DataFrame:
    """The engine's answers, which are those of the plain loops."""
    got = assign(read(snapshot, rows), snapshot, doubt=False).frame()
    for row, told in zip(rows.to_dict("records"), got.to_dict("records"), strict=True):
        want = oracle.answer(row["x"], row["y"], row["class"], row["at"], row["component"], np.nan_to_num(row["error"]))
        for key in ("rule", "department", "component", "zone"):
            assert told[key] == want.get(key, ""), (row, told, want)
    return got


def test_every_answer_is_that_of_plain_loops(frames, snapshot, same):
    got = agree(snapshot, Oracle(town.CITY, frames, same), asked(frames, 1, 3000))
    assert set(got["rule"]) == {
        "component_named", "component_nearest", "zone_line", "zone_area", "territory", "outside",
    }  # fmt: skip
    assert {"O1", "O2", "S1", "S2", "S3", "U1", "U2"} <= set(got["zone"])


def test_the_answer_in_full_says_which_rule_and_why_others_lost(frames, snapshot):
    rows = asked(frames, 2, 1500).assign(error=np.nan)  # how sure an answer is, is another test's
    cases = read(snapshot, rows)
    table = assign(cases, snapshot, doubt=False).frame()
    lost, why, joint = set(), set(), set()
    for i in range(len(rows)):
        full = explain(cases, i, snapshot)
        owner = (full["owner"] or {"department": ""})["department"]
        assert (full["rule"], owner, full["on_edge"]) == (
            table["rule"][i], table["department"][i], table["on_edge"][i],
        )  # fmt: skip
        if full["owner"]:
            first, *losers = full["candidates"]
            assert (first["department"], first["rule"], first["why_lost"]) == (owner, full["rule"], None), full
            assert all(c["why_lost"] for c in losers), full
            never = [c["department"] for c in losers if c["why_lost"].startswith("never here: zone N")]
            assert owner not in never
        shared = [one["department"] for one in full["joint"]]
        assert owner not in shared and len(set(shared)) == len(shared)
        joint |= {((full["zone"] or {"code": ""})["code"], *shared)} if shared else set()
        lost |= {c["why_lost"] for c in full["candidates"] if c["why_lost"]}
        why |= set(full["why"])
    assert {
        "never here: zone N1",
        "never here: zone N6",
        "a zone that says only decides before everything else",
    } <= lost
    assert {
        "its duty there is supervising, the class asks for disposing",
        "its department is not there then, nor any above it",
        "rule zone_area comes before component_named: the class's rule says locality first",
    } <= lost
    assert {
        "zone N1 says never: D8 is not asked here",
        "department D11 ended 2026-04-01T00:00:00Z; D4, above it, stands for it",
        "department D13 ended 2026-03-01T00:00:00Z; D5, above it, stands for it",
        "department D12 begins 2026-07-01T00:00:00Z; nobody above it was there either",
        "department D14 ended 2026-01-01T00:00:00Z; nobody above it was there either",
    } <= why
    # the lead is not among those that share, nor who stands for it twice
    assert {("O1", "D5", "D10"), ("O1", "D5", "D4"), ("U1", "D0"), ("U1", "D0", "D14")} & joint >= {
        ("O1", "D5", "D4"), ("U1", "D0"),
    }  # fmt: skip


def test_rows_and_cases_in_any_order_give_the_same_to_the_bit(frames, snapshot):
    rng = np.random.default_rng(5)
    mixed = {k: v.iloc[rng.permutation(len(v))] for k, v in frames.items()}
    again = compiled(mixed)
    assert again.version == snapshot.version and again.arrays.keys() == snapshot.arrays.keys()
    for name, array in snapshot.arrays.items():
        assert np.array_equal(array, again.arrays[name]), name
    rows = asked(frames, 6, 4000)
    order = rng.permutation(len(rows))
    one, two = (assign(read(snapshot, some), snapshot, doubt=False).frame() for some in (rows, rows.iloc[order]))
    pd.testing.assert_frame_equal(one.iloc[order].reset_index(drop=True), two)


def test_a_city_without_the_columns_is_the_same_city():
    frames = town.layers()
    short = frames | {
        "zones": frames["zones"].drop(columns=["effect", "duty", "joint", "side", "from_m", "to_m"]),
        "rules": frames["rules"].drop(columns="first"),
    }
    assert compiled(short).version == compiled(frames).version
    told = frames | {"zones": frames["zones"].assign(effect="gives", side="both")}
    assert compiled(told).version == compiled(frames).version


def test_an_edit_is_compiled_as_if_all_were(frames, snapshot):
    def with_(layer: str, code: str, **values: object) -> dict:
        rows = frames[layer].copy()
        for name, value in values.items():
            rows.loc[rows["code"] == code, name] = value
        return frames | {layer: rows}

    for edited in (
        with_("zones", "Z2", effect="never"),
        with_("zones", "U1", duty="maintaining"),
        with_("zones", "S1", side="right"),
        with_("zones", "O1", joint="D6"),
        with_("departments", "D11", valid_to=day("2026-05-01")),
        with_("departments", "D10", parent="D8"),
    ):
        plain = compiled(edited)
        assert plain.version != snapshot.version
        assert compiled(edited, base=snapshot).version == plain.version
        kept = [name for name in ("rules", "areas", "units", "components") if edited["departments"] is not None]
        partly = {k: v for k, v in edited.items() if k not in kept}
        assert compiled(partly, base=snapshot, same=kept).version == plain.version


# Small towns by chance ---------------------------------------------------------------------------------

CLASSES = ("2026:E06010", "2026:E09001", "2026:C01002", "2026:C01037", "")


def chance(seed: int) -> dict:
    """A town of squares on a lattice, so that many corners and edges meet, with everything drawn by lot."""
    rng = np.random.default_rng(seed)
    who = [f"D{i}" for i in range(7)]
    dates = [pd.NaT, *(day(text) for text in ("2026-02-01", "2026-04-01", "2026-07-01"))]

    def one(of) -> object:
        return of[rng.integers(len(of))]

    departments = []
    for i, code in enumerate(who):
        parent = one(["", *who[:i]])
        begin, end = sorted(rng.integers(0, 5, 2)) if rng.random() < 0.5 else (0, 4)
        if begin == end or (begin, end) == (0, 4):
            departments.append({"code": code, "name": code, "parent": parent})
        else:
            valid = {"valid_from": dates[begin], "valid_to": dates[end] if end < 4 else pd.NaT}
            departments.append({"code": code, "name": code, "parent": parent} | valid)
    zones = []
    for k in range(14):
        x, y = rng.integers(0, 8, 2) * 50
        w, h = rng.integers(1, 5, 2) * 50
        effect = one(["", "", "gives", "never", "never"]) if k else "only"
        zones.append({
            "code": f"Z{k:02d}", "name": "", "department": one(who), "effect": effect,
            "classes": one(["*", "E", "C", "2026:E06", "2026:C01 2026:E09", "C E"]), "duty": one(["", "", *DUTIES]),
            "rank": one([np.nan, np.nan, 1, 2]), "geometry": box(x, y, w, h), "valid_from": one(dates[:2]),
        })  # fmt: skip
    rules = [
        {"class": text, "duty": one(["", *DUTIES]), "first": one(["", *FIRSTS]), "department": one(["", *who]),
         "radius_m": float(rng.integers(5, 60)), "valid_from": one(dates[:2])}
        for text in ("2026:E", "2026:C", "2026:E06", "2026:C01037")
    ]  # fmt: skip
    components = [
        {"code": f"1408020100200000{k}", "class": one(["2026:C01002", "2026:C01037"]), "supervising": one(["", *who]),
         "owning": one(["", *who]), "maintaining": one(["", *who]),
         "geometry": town.point(*rng.integers(0, 9, 2) * 50.0)}
        for k in range(8)
    ]  # fmt: skip
    plain = town.layers()
    areas = plain["areas"].assign(department=[one(["", *who]) for _ in range(len(plain["areas"]))])
    made = {"departments": departments, "zones": zones, "rules": rules, "components": components}
    return {"areas": areas, "units": plain["units"]} | {name: frame(name, rows) for name, rows in made.items()}


def chance_cases(seed: int, count: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    xy = np.where(rng.random((count, 1)) < 0.5, rng.integers(0, 9, (count, 2)) * 50.0, rng.uniform(0, 400, (count, 2)))
    return pd.DataFrame({
        "x": xy[:, 0].round(3) + X0, "y": xy[:, 1].round(3) + Y0, "class": rng.choice(CLASSES, count),
        "at": pd.to_datetime(pd.Series(rng.choice(ruled_town.DAYS, count)), format="ISO8601", utc=True),
        "component": rng.choice(["", "", "14080201002000003", "14080201002000005"], count), "error": np.nan,
    })  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.integers(0, 10**6))
def test_any_town_is_answered_as_by_plain_loops(same, seed):
    frames = chance(seed)
    snapshot = compiled(frames)
    rows = chance_cases(seed, 60)
    agree(snapshot, Oracle(town.CITY, frames, same), rows)
    cases = read(snapshot, rows)
    for i in range(20):
        full = explain(cases, i, snapshot)
        assert full["owner"] is None or full["candidates"][0]["why_lost"] is None


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.integers(0, 10**6), st.integers(0, 6))
def test_a_department_that_is_kept_out_of_the_town_gets_nothing_and_nobody_else_loses(seed, k):
    """With a zone over all that says never: its department has nothing; who had other cases keeps them."""
    frames = chance(seed)
    frames["departments"] = frame("departments", [{"code": f"D{i}", "name": "", "parent": ""} for i in range(7)])
    over = {"code": "ZZ", "department": f"D{k}", "classes": "*", "effect": "never", "geometry": box(-9, -9, 500, 500)}
    zones = pd.concat([frames["zones"], frame("zones", [over])], ignore_index=True)
    before, after = compiled(frames), compiled(frames | {"zones": zones})
    rows = chance_cases(seed, 400)
    one, two = (assign(read(s, rows), s, doubt=False).frame() for s in (before, after))
    assert (two["department"] != f"D{k}").all()
    others = one["department"] != f"D{k}"
    pd.testing.assert_frame_equal(one[others], two[others])


# Bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"effect": "always"}, "zone Z: effect 'always' is not one of gives, only, never"),
        ({"duty": "cleaning"}, "zone Z: duty 'cleaning' is not one of supervising, owning, maintaining, disposing"),
        ({"side": "north"}, "zone Z: side 'north' is not one of both, left, right"),
        ({"side": "left"}, "is the side of a line, and this is an area; leave it empty"),
        ({"from_m": 3.0}, "is chainage along a line, and this is an area; leave it empty"),
        ({"geometry": LINE}, "width_m is missing: a line zone needs its full width"),
        ({"geometry": LINE, "width_m": 9.0, "to_m": 80.02}, "end of the line, which is 80.00"),
        ({"geometry": LINE, "width_m": 9.0, "from_m": 90.0}, "beyond the end of the line"),
        ({"geometry": LINE, "width_m": 9.0, "from_m": -1.0}, "it must be 0 or more"),
        ({"geometry": LINE, "width_m": 9.0, "from_m": 50.0, "to_m": 50.0}, "is not before to_m"),
        ({"geometry": shapely.MultiLineString([LINE, ruled_town.line((0, 9), (80, 9))]),
          "width_m": 9.0, "to_m": 50.0}, "several parts; give each part a zone of its own"),
        ({"geometry": ruled_town.line((0, 0), (80, 0), (80, 5), (-20, 5), (-20, -9), (90, -9), (90, 30), (0, 30)),
          "width_m": 60.0, "side": "left"}, "comes back to within its width"),
        ({"joint": "D1 D99"}, "department 'D99' is not among the departments"),
    ],
)  # fmt: skip
def test_a_zone_that_cannot_be_is_refused(values, why):
    zone = {"code": "Z", "department": "D1", "classes": "*", "geometry": box(0, 0, 9, 9)} | values
    frames = town.layers() | {"zones": frame("zones", [zone])}
    with pytest.raises(InputError) as refused:
        compiled(frames)
    assert why in str(refused.value) and "\n" not in str(refused.value)


def only(code: str, department: str, **more) -> dict:
    plain = {"code": code, "department": department, "classes": "*", "effect": "only", "geometry": box(0, 0, 40, 40)}
    return plain | more


@pytest.mark.parametrize(
    ("other", "meet"),
    [
        ({}, True),
        ({"department": "D1"}, False),
        ({"geometry": box(40, 0, 40, 40)}, False),  # they touch
        ({"geometry": box(39, 39, 9, 9)}, True),
        ({"classes": "C"}, True),
        ({"valid_from": day("2026-01-01")}, True),
        ({"effect": "gives"}, False),
        ({"duty": "owning"}, True),
    ],
)
def test_two_zones_that_say_only_on_one_place_are_refused(other, meet):
    rows = [only("ZA", "D1"), only("ZB", "D2") | other]
    frames = town.layers() | {"zones": frame("zones", rows)}
    if meet:
        with pytest.raises(InputError, match="zones ZA and ZB both say 'only' for one place, class and time"):
            compiled(frames)
    else:
        compiled(frames)
    apart = [only("ZA", "D1", classes="E", valid_to=day("2026-02-01")), only("ZB", "D2", classes="C")]
    apart += [only("ZC", "D3", classes="E", valid_from=day("2026-02-01"))]
    compiled(town.layers() | {"zones": frame("zones", apart)})


def test_a_ring_of_departments_is_refused_and_one_in_the_past_names_nobody():
    def rows(*more: dict) -> dict:
        return town.layers() | {"departments": frame("departments", [
            {"code": f"D{i}", "name": "", "parent": ""} for i in range(6)] + list(more))}  # fmt: skip

    ring = [{"code": f"D{a}", "name": "", "parent": f"D{b}"} for a, b in ((6, 7), (7, 8), (8, 6))]
    with pytest.raises(InputError, match="department D6 would be above itself: D6 below D7 below D8 below D6"):
        compiled(rows(*ring))
    after = [row | {"valid_to": day("2026-01-01")} for row in ring[:2]]
    after += [ring[2] | {"valid_from": day("2026-01-01"), "valid_to": day("2026-02-01")}]
    snapshot = compiled(rows(*after))
    gone = snapshot.arrays["departments.stands"][-1]
    assert gone[[6, 7, 8, 9]].tolist() == [-1] * 4 and gone[:6].tolist() == list(range(6))


def test_a_rule_of_an_unknown_word_is_refused():
    for name, words in (("first", FIRSTS), ("duty", DUTIES)):
        rules = frame("rules", [{"class": "2026:E06", name: "both"}])
        with pytest.raises(InputError, match=f"{name} 'both' is not known; it is one of {', '.join(words)}"):
            compiled(town.layers() | {"rules": rules})


@pytest.mark.parametrize(
    ("values", "department", "rule"),
    [
        ({"valid_to": day("2026-03-01")}, "D7", "territory"),  # retired: the class's competent department
        ({"class": "2026:C01003"}, "D8", "component_named"),  # of another class: it was named
        ({"owning": ""}, "D7", "territory"),  # owned by nobody
        ({}, "D8", "component_named"),
    ],
)
def test_a_component_that_is_retired_of_another_class_or_nobodys_is_a_named_answer(values, department, rule):
    thing = {"code": "14080201002000077", "class": "2026:C01002", "owning": "D8", "geometry": town.point(50, 50)}
    rules = frame("rules", [{"class": "2026:C01002", "radius_m": 5.0}, {"class": "2026:E06", "department": "D7"}])
    frames = town.layers() | {
        "components": frame("components", [thing | values]), "rules": rules, "zones": frame("zones", []),
    }  # fmt: skip
    snapshot = compiled(frames)
    cases = Cases.read(
        snapshot, [X0 + 50], [Y0 + 50], ["2026:E06010"], components=["14080201002000077"], at=[day("2026-06-01")]
    )
    full = explain(cases, 0, snapshot)
    assert (full["owner"]["department"], full["rule"]) == (department, rule)
    if "valid_to" in values:
        assert "component 14080201002000077 is named but was not there at that instant" in full["why"]


def test_a_case_before_the_first_record_falls_to_who_was_there():
    """Nothing holds yet: no zone, no department; the answer says so and names nobody."""
    frames = town.layers()
    begun = {name: frames[name].assign(valid_from=day("2026-01-01")) for name in ("departments", "areas", "zones")}
    snapshot = compiled(frames | begun)
    cases = Cases.read(snapshot, [X0 + 120] * 2, [Y0 + 120] * 2, [""] * 2, at=[day("1999-01-01"), day("2026-02-01")])
    before, after = (explain(cases, i, snapshot) for i in (0, 1))
    assert (before["owner"], before["rule"]) == (None, "outside")
    assert (after["owner"]["department"], after["zone"]["code"]) == ("D6", "Z1")


def test_the_kernels_know_the_words_by_their_positions():
    assert (EFFECTS[decide.ONLY], EFFECTS[decide.NEVER]) == ("only", "never")
    assert (DUTIES[decide.DISPOSING], FIRSTS[decide.LOCALITY]) == ("disposing", "locality")
