"""Cases from whatever carries them: the same texts and times in every form, faults by row, wrong input in one line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gis.convert import Cases
from gis.snapshot import Snapshot
from grids.errors import InputError
from tests import town

CLASSES = ["2026:C01002", "", "zz", None, "E06010", "2026:C01003"] * 20
NAMED = ["14080201002000001", None, "", "14080201003000009", "nothing", "盐"] * 20
WHY = ["", "missing", "wrong_datum", "odd", None, ""] * 20
DAYS = pd.to_datetime(["2026-06-01", None, "2026-07-02T00:00:00.123456"] * 40, utc=True, format="ISO8601")


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return Snapshot.compile(town.CITY, town.layers(), at=town.DAY)


def read(snapshot: Snapshot, classes=CLASSES, named=NAMED, why=WHY, at=DAYS) -> Cases:
    n = len(classes)
    x, y = np.full(n, town.X0 + 100.0), np.full(n, town.Y0 + 100.0)
    return Cases.read(snapshot, x, y, classes, components=named, no_location=why, at=at)


FORMS = {
    "list": list,
    "objects": lambda v: np.array(v, dtype=object),
    "series": lambda v: pd.Series(v, dtype="str"),
    "arrow": lambda v: pa.array(v, pa.string()),
    "dictionary": lambda v: pa.array(v, pa.string()).dictionary_encode(),
    "chunks": lambda v: pa.chunked_array([pa.array(v[:7], pa.string()), pa.array(v[7:], pa.string())]),
    "chunks of dictionaries": lambda v: pa.chunked_array(
        [pa.array(v[:7], pa.string()).dictionary_encode(), pa.array(v[7:], pa.string()).dictionary_encode()]
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_texts_are_the_same_whatever_carries_them(snapshot: Snapshot, form: str):
    whole = read(snapshot)
    few = [read(snapshot, CLASSES[i : i + 3], NAMED[i : i + 3], WHY[i : i + 3], DAYS[i : i + 3]) for i in (0, 3)]
    assert whole.klass[:6].tolist() == [*few[0].klass, *few[1].klass]
    assert (whole.klass[:6] >= 0).tolist() == [True, False, False, False, True, True]
    assert (whole.component[:6] >= 0).tolist() == [True, False, False, True, False, False]
    assert whole.reason[:6].tolist() == [0, 1, 3, 1, 0, 0], "a reason that we do not know is 'missing'"
    assert list(whole.faults) == list(range(2, 120, 6)) and "'zz' is unknown" in whole.faults[2]
    made = FORMS[form]
    other = read(snapshot, made(CLASSES), made(NAMED), made(WHY))
    for name in ("klass", "component", "reason", "instant"):
        assert np.array_equal(getattr(whole, name), getattr(other, name)), name
    assert other.faults == whole.faults


def test_times_are_the_same_whatever_carries_them(snapshot: Snapshot):
    whole = read(snapshot).instant
    assert whole[1] == snapshot.at.as_unit("us")._value and whole[2] % 1_000_000 == 123456
    plain = DAYS.tz_localize(None).to_numpy().astype("datetime64[us]")
    for unit in ("us", "ns"):
        arrow = pa.array(DAYS.as_unit("us")).cast(pa.timestamp(unit, "UTC"))
        assert np.array_equal(read(snapshot, at=arrow).instant, whole)
        assert np.array_equal(read(snapshot, at=pa.chunked_array([arrow[:5], arrow[5:]])).instant, whole)
        assert np.array_equal(read(snapshot, at=plain.astype(f"datetime64[{unit}]")).instant, whole)
    assert np.array_equal(read(snapshot, at=pd.Series(DAYS)).instant, whole)


def test_an_instant_that_overflows_is_told(snapshot: Snapshot):
    far = pa.array([0] * 119 + [2**62], pa.timestamp("s", "UTC"))
    with pytest.raises(InputError, match="microseconds cannot count"):
        read(snapshot, at=far)
    with pytest.raises(InputError, match="microseconds cannot count"):
        read(snapshot, at=np.array([2**62] * 120, dtype="datetime64[s]"))


@pytest.mark.parametrize("name", ["classes", "named", "why"])
def test_lengths_that_differ(snapshot: Snapshot, name: str):
    with pytest.raises(InputError, match=r"1 values for 1?\d+ cases|values for"):
        Cases.read(snapshot, [1.0, 2.0], [1.0, 2.0], **({"classes": ["", ""]} | {"components": None} | _short(name)))


def _short(name: str) -> dict:
    return {{"classes": "classes", "named": "components", "why": "no_location"}[name]: ["a"]}


def test_faults_of_one_row_are_told_together(snapshot: Snapshot):
    more = read(snapshot).with_faults({2: "accuracy_m: -1 is below zero", 0: "at: 'x' is no time"})
    assert list(more.faults)[:2] == [0, 2] and more.faults[0] == "at: 'x' is no time"
    assert more.faults[2].startswith("class 'zz' is unknown") and more.faults[2].endswith(
        "; accuracy_m: -1 is below zero"
    )


def test_no_case_at_all(snapshot: Snapshot):
    assert len(Cases.read(snapshot, [], [], [], components=[], no_location=[], at=DAYS[:0])) == 0
    empty = pa.array([], pa.string())
    assert len(Cases.read(snapshot, [], [], empty, components=empty, at=pa.array([], pa.timestamp("us")))) == 0
