"""Large files: the short way gives what the ordinary way gives, many answers at once too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from gis import bulk, store
from gis.files import read_layer
from gis.layers import LAYERS
from gis.profile import Profile, Source
from gis.store.engine import transaction
from grids.errors import Conflict, InputError
from tests.bench import bench_load as bench

COUNT = 52_000


@pytest.fixture(scope="module")
def engine(database: str) -> Iterator[Engine]:
    engine = store.connect(database)
    bench.prepare(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def empty(engine: Engine) -> Engine:
    """The same without components."""
    with transaction(engine) as cursor:
        cursor.execute("TRUNCATE wanmi.components")
    return engine


@pytest.fixture(scope="module")
def good() -> gpd.GeoDataFrame:
    return bench.components(COUNT)


@pytest.fixture(scope="module")
def spoilt(good: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """A few rows of each kind of fault, in the second batch; blanks, and units that are others, are no faults."""
    frame = good.copy()
    at = iter(range(40_000, 44_000, 7))
    frame.loc[next(at), "code"] = "1408020l001000001"
    frame.loc[next(at), "code"] = ""
    frame.loc[next(at), "class"] = "2026:C99999"
    frame.loc[next(at), "class"] = "2026:C01070"
    frame.loc[next(at), "owning"] = "11140802MB0000000l"
    frame.loc[next(at), "owning"] = " 11140802MB00000001 "
    frame.loc[next(at), "supervising"] = None
    frame.loc[next(at), "unit"] = "140802001001299"
    frame.loc[next(at), "name"] = "a\x00b"
    frame.loc[next(at), "geometry"] = None
    row = next(at)
    frame.loc[[row], "geometry"] = frame.loc[[row]].translate(1e6, 0)
    return frame


def write(frame: gpd.GeoDataFrame, path: Path, crs: str = "") -> Path:
    (frame.to_crs(crs) if crs else frame).to_parquet(path, row_group_size=30_000)
    return path


def record(engine: Engine) -> pd.DataFrame:
    frame = store.city_frames(engine)["components"].sort_values(["code", "valid_from"], ignore_index=True)
    return frame.assign(x=frame.geometry.x, y=frame.geometry.y).drop(columns="geometry")


def shape(engine: Engine) -> list[tuple]:
    """Indexes, constraints and triggers of the table."""
    with transaction(engine) as cursor:
        cursor.execute(
            """SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'wanmi.components'::regclass
               UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint
               WHERE conrelid = 'wanmi.components'::regclass
               UNION ALL SELECT tgname || tgenabled::text FROM pg_trigger
               WHERE tgrelid = 'wanmi.components'::regclass ORDER BY 1"""
        )
        return cursor.fetchall()


def ordinary(engine: Engine, path: Path, **how: object) -> tuple[pd.DataFrame, store.LoadReport]:
    checked = read_layer(path, "components", bench.CITY, **how)
    report = store.load(engine, "components", checked.frame)
    return pd.concat([checked.rejects, report.rejects]).sort_values(["row", "column"], ignore_index=True), report


def short(engine: Engine, path: Path, **how: object) -> tuple[pd.DataFrame, store.LoadReport]:
    found = bulk.load_components(engine, path, bench.CITY, **how)
    assert found is not None, "the short way was not taken"
    checked, report = found
    return pd.concat([checked.rejects, report.rejects]).sort_values(["row", "column"], ignore_index=True), report


# The same as the ordinary way ---------------------------------------------------------------------------


@pytest.mark.parametrize("crs", ["", "EPSG:4326"])
def test_both_ways_give_the_same_record(empty: Engine, spoilt: gpd.GeoDataFrame, tmp_path: Path, crs: str) -> None:
    path, before = write(spoilt, tmp_path / "c.parquet", crs), shape(empty)
    rejects, report = short(empty, path)
    ours = record(empty)
    assert shape(empty) == before
    assert report.inserted == len(ours) == COUNT - rejects["row"].nunique()
    with transaction(empty) as cursor:
        cursor.execute("TRUNCATE wanmi.components")
    expected_rejects, expected = ordinary(empty, path)
    assert len(rejects) == 8
    pd.testing.assert_frame_equal(rejects, expected_rejects)
    pd.testing.assert_frame_equal(ours, record(empty))
    pd.testing.assert_frame_equal(report.notes, expected.notes)
    assert len(report.notes) == 1 and "m away" in report.notes["why"].iloc[0]


def test_the_same_file_again_changes_nothing(empty: Engine, good: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = write(good, tmp_path / "c.parquet")
    assert short(empty, path)[1].inserted == COUNT
    before = record(empty)
    again = short(empty, path)[1]
    assert (again.inserted, again.changed, again.unchanged) == (0, 0, COUNT)
    assert ordinary(empty, path)[1].unchanged == COUNT
    pd.testing.assert_frame_equal(record(empty), before)


def test_many_more_join_what_is_there(empty: Engine, good: gpd.GeoDataFrame, tmp_path: Path) -> None:
    """The table is not empty, so that they go through the staging table; its indexes are built anew."""
    first, before = good.head(1000).assign(name="before"), shape(empty)
    store.load(empty, "components", read_layer(write(first, tmp_path / "f.parquet"), "components", bench.CITY).frame)
    report = short(empty, write(good, tmp_path / "c.parquet"))[1]
    assert (report.inserted, report.changed) == (COUNT - 1000, 1000)
    assert shape(empty) == before and len(record(empty)) == COUNT


def test_large_loads_at_once_never_wait_in_a_ring(empty: Engine, good: gpd.GeoDataFrame, tmp_path: Path) -> None:
    first = read_layer(write(good.head(1000), tmp_path / "f.parquet"), "components", bench.CITY).frame
    store.load(empty, "components", first)
    paths = [write(good.assign(name=name), tmp_path / f"{name}.parquet") for name in ("one", "two")]
    outcome: list[object] = []

    def one(path: Path) -> None:
        try:
            outcome.append(short(empty, path)[1])
        except Exception as error:
            outcome.append(error)

    threads = [threading.Thread(target=one, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = sorted((r.inserted, r.changed) for r in outcome if isinstance(r, store.LoadReport))
    assert counts == [(0, COUNT), (COUNT - 1000, 1000)], outcome
    assert record(empty)["name"].nunique() == 1


def test_a_beginning_for_all_rows(empty: Engine, good: gpd.GeoDataFrame, tmp_path: Path) -> None:
    short(empty, write(good, tmp_path / "c.parquet"), valid_from="2026-07-01")
    assert record(empty)["valid_from"].unique().tolist() == [pd.Timestamp("2026-06-30T16:00Z")]


def test_columns_of_other_names(empty: Engine, good: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = write(good.rename(columns={"code": "BJSM", "class": "DL"}), tmp_path / "c.parquet")
    assert short(empty, path, mapping={"code": "BJSM", "class": "DL"})[1].inserted == COUNT


def test_a_dry_run_changes_nothing(empty: Engine, good: gpd.GeoDataFrame, tmp_path: Path) -> None:
    before = shape(empty)
    assert short(empty, write(good, tmp_path / "c.parquet"), dry_run=True)[1].inserted == COUNT
    assert len(record(empty)) == 0 and shape(empty) == before


# When it is not taken -----------------------------------------------------------------------------------


def test_a_code_twice_is_left_to_the_ordinary_way(empty: Engine, good: gpd.GeoDataFrame, tmp_path: Path) -> None:
    frame, before = good.copy(), shape(empty)
    frame.loc[51_000, ["code", "class"]] = frame.loc[5, ["code", "class"]]
    path = write(frame, tmp_path / "c.parquet")
    assert bulk.load_components(empty, path, bench.CITY) is None
    assert len(record(empty)) == 0 and shape(empty) == before
    rejects, report = ordinary(empty, path)
    assert report.inserted == COUNT - 1 and rejects["row"].tolist() == [51_001]


def test_versions_are_left_to_the_ordinary_way(empty: Engine, good: gpd.GeoDataFrame, tmp_path: Path) -> None:
    frame = good.assign(valid_to=pd.Timestamp("2027-01-01", tz="UTC"))
    assert bulk.load_components(empty, write(frame, tmp_path / "c.parquet"), bench.CITY) is None
    assert len(record(empty)) == 0


def test_a_layer_that_lies_elsewhere(empty: Engine, good: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = write(good.set_geometry(good.translate(1e6, 0)), tmp_path / "c.parquet")
    assert bulk.load_components(empty, path, bench.CITY) is None
    with pytest.raises(InputError, match="lies outside bench"):
        read_layer(path, "components", bench.CITY)


def test_a_file_that_is_broken_inside(empty: Engine, good: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = write(good, tmp_path / "c.parquet")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 5000] = bytes(5000)
    path.write_bytes(data)
    for read in (bulk.load_components, lambda _, *rest: read_layer(rest[0], "components", rest[1])):
        with pytest.raises(InputError, match="cannot be read as Parquet") as caught:
            read(empty, path, bench.CITY)
        assert "\n" not in str(caught.value)
    assert len(record(empty)) == 0


def test_text_that_is_none(empty: Engine, good: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path, before = write(good, tmp_path / "c.parquet"), shape(empty)
    table = pq.read_table(path)
    names = pa.array([b"\xff\xfe"] * COUNT, pa.binary()).view(pa.string())
    pq.write_table(table.set_column(table.schema.get_field_index("name"), "name", names), path)
    assert bulk.load_components(empty, path, bench.CITY) is None
    with pytest.raises(InputError, match=r"cannot be read as Parquet .*Invalid UTF8"):
        read_layer(path, "components", bench.CITY)
    assert len(record(empty)) == 0 and shape(empty) == before


def test_what_the_short_way_does_not_take(engine: Engine, good: gpd.GeoDataFrame, tmp_path: Path) -> None:
    few = good.head(100)
    assert bulk.load_components(engine, write(few, tmp_path / "c.parquet"), bench.CITY) is None
    few.to_file(tmp_path / "c.gpkg")
    assert bulk.load_components(engine, tmp_path / "c.gpkg", bench.CITY) is None
    source = Source("components", values={"state": {"好": "intact"}})
    profile = Profile(bench.CITY, {("components", ""): source})
    path = write(good, tmp_path / "large.parquet")
    assert bulk.load_components(engine, path, bench.CITY, profile=profile) is None


# Answers ------------------------------------------------------------------------------------------------


def test_many_answers_at_once(engine: Engine, good: gpd.GeoDataFrame) -> None:
    """Into an empty table, over all that are there, and over some of them; what is over each case is the last."""
    numbers = pd.Series([f"K{i:06d}" for i in range(COUNT)])
    text = {c.name: "" for c in LAYERS["cases"].columns if c.kind == "text"}
    rest = {"accuracy_m": np.nan, "returns": np.nan, "filed_at": pd.NaT, "due_at": pd.NaT, "closed_at": pd.NaT}
    cases = gpd.GeoDataFrame(
        {**text, **rest, "id": numbers, "class": "2026:E06010", "reported_at": pd.Timestamp("2026-07-01", tz="UTC")},
        geometry=good.geometry.to_numpy(),
        crs=good.crs,
    ).set_axis(range(1, COUNT + 1))
    assert store.load(engine, "cases", cases).inserted == COUNT
    answers = pd.DataFrame(
        {"id": numbers, "at": cases["reported_at"].to_numpy(), "unit": "u", "department": "d", "rule": "territory",
         "reason": "", "component": "", "distance_m": np.nan, "zone": "", "on_edge": False, "probability": np.nan,
         "ask_first": False, "community": "c"}
    )  # fmt: skip

    def found() -> tuple[dict[str, int], list[str]]:
        with transaction(engine) as cursor:
            cursor.execute("SELECT snapshot, count(*) FROM wanmi.answers GROUP BY 1")
            counts = dict(cursor.fetchall())
            cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'answers' ORDER BY 1")
            return counts, [name for (name,) in cursor.fetchall()]

    indexes = found()[1]
    assert "answers_pkey" in indexes and len(indexes) == 3
    assert store.write_answers(engine, answers, "v1") == COUNT
    assert found() == ({"v1": COUNT}, indexes)
    assert store.write_answers(engine, answers, "v2") == COUNT
    assert found() == ({"v2": COUNT}, indexes)
    assert store.write_answers(engine, answers.tail(51_000), "v3") == 51_000
    assert found() == ({"v2": COUNT - 51_000, "v3": 51_000}, indexes)
    with pytest.raises(Conflict, match="case nobody is not recorded"):
        store.write_answers(engine, answers.assign(id=["nobody", *numbers[1:]]), "v4")
    assert found() == ({"v2": COUNT - 51_000, "v3": 51_000}, indexes)
