"""Many cases: a file to a file, row for row, and the record's cases that are due an answer."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import psycopg2
import pytest

from gis import store
from gis.batch import assign_file
from gis.batch.record import assign_record
from gis.crs import to_lonlat
from gis.snapshot import Snapshot
from grids.errors import InputError
from tests import town

ROWS = [
    # class, x, y from the town's corner: owner and rule as in the tests of assign
    ("2026:C01002", 100, 100),
    ("zz", 100, 100),
    ("2026:E06010", 310, 20),
    ("2026:E06010", 5000, 5000),
    ("", 100, 100),
]


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return Snapshot.compile(town.CITY, town.layers(), at=town.DAY)


def table(**more: list) -> pd.DataFrame:
    """The rows as a file says them: class, lon, lat and nothing else."""
    lon, lat = to_lonlat([town.X0 + x for _, x, _ in ROWS], [town.Y0 + y for *_, y in ROWS], town.CITY.srid)
    return pd.DataFrame({"class": [c for c, *_ in ROWS], "lon": lon, "lat": lat, **more})


def write(frame: pd.DataFrame, path: Path) -> Path:
    """Write a table by its ending; CSV with a byte order mark, as spreadsheets do."""
    if path.suffix == ".csv":
        frame.to_csv(path, index=False, encoding="utf-8-sig")
    else:
        frame.to_parquet(path, index=False)
    return path


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    assert not path.read_bytes().startswith(b"\xef\xbb\xbf")
    text = {"id": str, "unit": str, "community": str, "street": str, "district": str}
    frame = pd.read_csv(path, dtype=text, keep_default_na=False, na_values={"distance_m": [""]})
    return frame.assign(at=pd.to_datetime(frame["at"], utc=True))


@pytest.mark.parametrize("given", ["csv", "parquet"])
@pytest.mark.parametrize("made", ["csv", "parquet"])
def test_every_row_comes_back_in_order(snapshot: Snapshot, tmp_path: Path, given: str, made: str):
    source = write(table(), tmp_path / f"cases.{given}")
    out = tmp_path / f"answers.{made}"
    done = assign_file(source, out, snapshot)
    told = read(out)
    assert told["id"].tolist() == ["1", "2", "3", "4", "5"]
    assert told["rule"].tolist() == ["component_nearest", "", "zone_area", "outside", "zone_area"]
    assert told["department"].tolist()[:3] == ["D0", "", "D4"]
    assert told["fault"].tolist()[0] == "" and told["fault"].tolist()[2:] == ["", "", ""]
    assert told["fault"][1].startswith("class 'zz': is no class code; write edition, kind and digits")
    assert told["at"].isna().tolist() == [False, True, False, False, False] and told["at"][0] == town.DAY
    assert told["unit"][1] == "" and str(told["on_edge"][1]) in ("", "None") and str(told["on_edge"][0]) == "True"
    assert (done.rejected, int(done.counts["cases"].sum())) == (1, 4)
    assert not list(tmp_path.glob("*.part"))


def test_numbers_and_instants_of_the_file(snapshot: Snapshot, tmp_path: Path):
    more = {"id": ["b", "a", "a", "", "c"], "reported_at": ["2026-06-01T08:00", "x", "", "", "2026-06-02T00:00Z"]}
    out = tmp_path / "answers.csv"
    assign_file(write(table(**more), tmp_path / "cases.csv"), out, snapshot)
    told = read(out)
    assert told["id"].tolist() == ["b", "a", "a", "4", "c"], "a number twice is answered twice, none is the row's"
    assert told["at"].tolist()[0] == pd.Timestamp("2026-06-01", tz="UTC")
    assert told["at"].tolist()[2:] == [town.DAY, town.DAY, pd.Timestamp("2026-06-02", tz="UTC")]
    assert "class 'zz': " in told["fault"][1] and "reported_at 'x': is no date" in told["fault"][1]
    swapped = table(**more).rename(columns={"lon": "LNG", "lat": "L", "class": "K", "reported_at": "T"})
    again = tmp_path / "again.csv"
    mapping = {"lon": "LNG", "lat": "L", "class": "K"}
    assign_file(write(swapped, tmp_path / "theirs.csv"), again, snapshot, mapping=mapping, at_column="T")
    assert read(again).drop(columns="fault").equals(told.drop(columns="fault"))


def test_a_broken_line_keeps_its_place(snapshot: Snapshot, tmp_path: Path):
    lines = write(table(id=list("abcde")), tmp_path / "cases.csv").read_text("utf-8-sig").splitlines()
    lines[3] += ",more,and,more"
    (tmp_path / "cases.csv").write_text("\n".join(lines) + "\n")
    assign_file(tmp_path / "cases.csv", tmp_path / "out.csv", snapshot)
    told = read(tmp_path / "out.csv")
    assert len(told) == 5 and told["id"].tolist()[3:] == ["d", "e"]
    assert told["rule"][2] == "" and told["fault"][2] != ""


def test_nothing_but_rejects(snapshot: Snapshot, tmp_path: Path):
    source = write(table().assign(**{"class": "zz"}), tmp_path / "cases.csv")
    done = assign_file(source, tmp_path / "out.parquet", snapshot)
    told = read(tmp_path / "out.parquet")
    assert (done.rejected, len(done.counts), len(told)) == (5, 0, 5)
    assert (told["fault"] != "").all() and (told["rule"] == "").all()


@pytest.mark.parametrize("out", ["answers.xlsx", "answers"])
def test_formats_that_are_not_written(snapshot: Snapshot, tmp_path: Path, out: str):
    with pytest.raises(InputError, match="cannot write"):
        assign_file(write(table(), tmp_path / "cases.csv"), tmp_path / out, snapshot)


def test_a_profile_of_another_city(snapshot: Snapshot, tmp_path: Path):
    with pytest.raises(InputError, match="the profile is of baltimore, the snapshot of town"):
        assign_file(write(table(), tmp_path / "cases.csv"), tmp_path / "a.csv", snapshot, profile="baltimore")


def test_which_cases_of_the_record_are_answered(database: str, snapshot: Snapshot):
    engine = store.connect(database)
    store.create_city(engine, town.CITY)
    layers = town.layers()
    for layer in ("departments", "areas", "rules", "units", "components", "zones"):
        store.load(engine, layer, layers[layer])
    cases = [
        {"id": name, "class": "2026:C01002", "reported_at": town.DAY, "geometry": town.point(100, 100)}
        | ({"closed_at": town.DAY + pd.Timedelta("1D")} if "closed" in name else {})
        for name in ("closed answered", "closed new", "open answered", "open new")
    ]
    store.load(engine, "cases", town.frame("cases", cases))

    def answered_by() -> dict[str, str]:
        with psycopg2.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT case_id, snapshot FROM wanmi.answers")
            found = dict(cursor.fetchall())
        connection.close()
        return found

    assert assign_record(engine, snapshot, everything=True).counts["cases"].sum() == 4
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM wanmi.answers WHERE case_id LIKE '%% new'")
        connection.exec_driver_sql("UPDATE wanmi.answers SET snapshot = 'old'")
    assert assign_record(engine, snapshot).counts["cases"].sum() == 3
    new = snapshot.version
    assert answered_by() == {"closed answered": "old", "closed new": new, "open answered": new, "open new": new}
    assert assign_record(engine, snapshot, everything=True).counts["cases"].sum() == 4
    assert set(answered_by().values()) == {new}
    engine.dispose()
