"""Files answered in portions: the same answers whatever the format and the cut, in memory that does not grow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from gis.assign import assign
from gis.batch import assign_file
from gis.convert import Cases
from gis.crs import to_lonlat
from gis.snapshot import Snapshot
from grids.errors import InputError
from tests import town

N = 3_000
SIZE = 256
CLASSES = np.array(["2026:C01002", "E06010", "2013:E0105", "2026:C01037", "", "2026:E07001", " 2026:C01003 "])


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return Snapshot.compile(town.CITY, town.layers(), at=town.DAY)


def cases(n: int = N, seed: int = 1) -> gpd.GeoDataFrame:
    """Cases all over the town, a few of them wrong in every way that a row can be wrong."""
    rng = np.random.default_rng(seed)
    x, y = town.X0 + rng.uniform(-20, 420, n), town.Y0 + rng.uniform(-20, 420, n)
    lon, lat = to_lonlat(x, y, town.CITY.srid)
    frame = gpd.GeoDataFrame(
        {
            "id": [f"K{i:05d}" if i % 7 else "" for i in range(n)],
            "class": CLASSES[rng.integers(0, len(CLASSES), n)].astype(str),
            "component": np.where(rng.random(n) < 0.1, "14080201002000001", ""),
            "accuracy_m": np.where(rng.random(n) < 0.5, rng.integers(0, 30, n), np.nan),
            "reported_at": pd.Timestamp("2026-06-25", tz="UTC") + pd.to_timedelta(rng.integers(0, 10**6, n), unit="s"),
            "note": '盐湖, "quoted"\nand broken',
        },
        geometry=shapely.points(lon, lat),
        crs=4326,
    )
    odd = rng.permutation(n)[:60].reshape(6, 10)
    frame.loc[odd[0], "class"] = "zz"
    frame.loc[odd[1], "accuracy_m"] = -5.0
    frame.loc[odd[2], "geometry"] = None
    frame.loc[odd[3], "geometry"] = shapely.Point(120, 40)
    frame.loc[odd[4], "geometry"] = shapely.Point(*town.CITY.default_points[0])
    frame.loc[odd[5], "geometry"] = shapely.Point(35.03, 111.0)
    return frame


def written(frame: gpd.GeoDataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False, row_group_size=700)
    elif path.suffix == ".csv":
        flat = pd.DataFrame(frame.drop(columns="geometry"))
        flat["lon"], flat["lat"] = frame.geometry.x, frame.geometry.y
        flat["reported_at"] = flat["reported_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        flat.to_csv(path, index=False)
    else:
        told = frame.assign(reported_at=frame["reported_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
        more = {"SPATIAL_INDEX": "NO"} if path.suffix == ".fgb" else {}
        pyogrio.write_dataframe(told.rename(columns={"reported_at": "at"}), path, **more)
    return path


def read(path: Path) -> pd.DataFrame:
    return pq.read_table(path).to_pandas()


@pytest.fixture(scope="module")
def expected(snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Answers to the CSV in one portion: every row of a CSV that small is judged or read whole."""
    folder = tmp_path_factory.mktemp("whole")
    done = assign_file(written(cases(), folder / "c.csv"), folder / "a.parquet", snapshot, size=10**6, threads=1)
    assert (done.rows, done.rejected) == (N, 30)
    return read(folder / "a.parquet")


def test_the_answers_are_those_of_the_engine(snapshot: Snapshot, expected: pd.DataFrame):
    frame = cases()
    fine = (expected["fault"] == "").to_numpy()
    xy = frame.geometry[fine]
    asked = Cases.read(
        snapshot, xy.x, xy.y, frame["class"].str.strip()[fine], crs="EPSG:4326", components=frame["component"][fine],
        at=frame["reported_at"][fine], accuracy_m=frame["accuracy_m"][fine],
    )  # fmt: skip
    for name, column in assign(asked, snapshot).frame().items():
        ours = expected[name][fine].reset_index(drop=True)
        assert ((ours == column) | (ours.isna() & column.isna())).all(), name
    assert expected["rule"].nunique() >= 7


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".gpkg", ".geojson", ".fgb", ".shp"])
def test_every_format_in_portions_gives_the_same(
    snapshot: Snapshot, expected: pd.DataFrame, tmp_path: Path, ending: str
):
    source = written(cases(), tmp_path / f"cases{ending}")
    mapping = None if ending in (".csv", ".parquet") else {"reported_at": "at"}
    rows = []
    done = assign_file(
        source, tmp_path / "a.parquet", snapshot, mapping=mapping, size=SIZE, rejects=tmp_path / "r.csv",
        progress=lambda n, _: rows.append(n),
    )  # fmt: skip
    assert rows == sorted(rows) and rows[-1] == N and (len(rows) > 8 or ending == ".csv")
    made = read(tmp_path / "a.parquet")
    for name in expected.columns.drop("fault"):
        a, b = made[name], expected[name]
        assert ((a == b) | (a.isna() & b.isna())).all(), name
    assert ((made["fault"] == "") == (expected["fault"] == "")).all()
    assert done.rejected == 30 == pd.read_csv(tmp_path / "r.csv")["row"].nunique()
    assert done.counts["cases"].sum() == N - 30
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("size", [1, 97, 700, 10_000])
def test_the_cut_changes_nothing(snapshot: Snapshot, tmp_path: Path, size: int):
    frame = cases(500, seed=3).tail(80 if size == 1 else 500)
    source = written(frame, tmp_path / "c.parquet")
    assign_file(source, tmp_path / "whole.csv", snapshot, size=10**6, rejects=tmp_path / "whole.rejects")
    for threads in (1, 2):
        rejects = tmp_path / "cut.rejects"
        assign_file(source, tmp_path / "cut.csv", snapshot, size=size, threads=threads, rejects=rejects)
        assert (tmp_path / "cut.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
        assert (tmp_path / "cut.rejects").read_bytes() == (tmp_path / "whole.rejects").read_bytes()


def test_a_file_that_lies_elsewhere_is_told_whatever_the_cut(snapshot: Snapshot, tmp_path: Path):
    frame = cases(1000, seed=5)
    frame.loc[frame.geometry.y > 100, "geometry"] = shapely.Point(111.0, 35.03)
    frame.loc[300:899, "geometry"] = shapely.Point(116.4, 39.9)
    source = written(frame, tmp_path / "c.parquet")
    for size in (100, 10**6):
        with pytest.raises(InputError, match=r"lies outside town: \d+ of \d+ rows, around 1"):
            assign_file(source, tmp_path / "a.parquet", snapshot, size=size)
        assert [p.name for p in tmp_path.iterdir()] == ["c.parquet"], "nothing is left of what was begun"
    frame.loc[300:649, "geometry"] = shapely.Point(111.0, 35.03)
    assert assign_file(written(frame, source), tmp_path / "a.parquet", snapshot, size=100).rows == 1000


def test_dates_that_nobody_reads(snapshot: Snapshot, tmp_path: Path):
    frame = cases(1000, seed=5)
    frame["reported_at"] = frame["reported_at"].dt.strftime("%m/%d/%Y")
    frame.to_parquet(tmp_path / "c.parquet")
    for size in (100, 10**6):
        with pytest.raises(InputError, match="can be read in two ways"):
            assign_file(tmp_path / "c.parquet", tmp_path / "a.csv", snapshot, size=size)
    frame.loc[700, "reported_at"] = "2026-07-01"
    frame.to_parquet(tmp_path / "c.parquet")
    done = assign_file(tmp_path / "c.parquet", tmp_path / "a.csv", snapshot, size=100)
    assert done.rejected >= 990 and len(done.rejects) <= 1000


def cut(path: Path, share: float) -> None:
    os.truncate(path, int(path.stat().st_size * share))


@pytest.mark.parametrize("ending", [".parquet", ".gpkg", ".geojson", ".fgb", ".shp"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.97])
def test_a_file_that_ends_in_the_middle(snapshot: Snapshot, tmp_path: Path, ending: str, share: float):
    source = written(cases(), tmp_path / f"cases{ending}")
    cut(source, share)
    before = set(tmp_path.iterdir())
    mapping = None if ending == ".parquet" else {"reported_at": "at"}
    with pytest.raises(InputError, match=f"cases{ending}") as error:
        assign_file(source, tmp_path / "a.parquet", snapshot, mapping=mapping, size=SIZE)
    assert "\n" not in str(error.value) and set(tmp_path.iterdir()) == before


def test_a_csv_that_ends_in_the_middle_says_where(snapshot: Snapshot, tmp_path: Path):
    source = written(cases(), tmp_path / "cases.csv")
    text = source.read_bytes()
    source.write_bytes(text[: text.rindex(b"2026-0") + 4])  # within the last row
    done = assign_file(source, tmp_path / "a.parquet", snapshot, size=SIZE)
    assert done.rows == N and done.rejected in (30, 31)
    assert "perhaps the file ends in the middle" in done.rejects["why"].iloc[-1]
    source.write_bytes(text[: text.rindex(b"quoted")])  # within a quoted field
    done = assign_file(source, tmp_path / "b.parquet", snapshot, size=SIZE)
    assert read(tmp_path / "b.parquet")["fault"].iloc[-1] != ""


def test_values_that_break_rows_not_files(snapshot: Snapshot, tmp_path: Path):
    frame = cases(600, seed=9).iloc[:400]
    lon, lat = frame.geometry.x.to_numpy().copy(), frame.geometry.y.to_numpy().copy()
    lon[:5], lat[5:10] = [np.nan, np.inf, -np.inf, 1e308, -1e308], [np.nan, np.inf, -np.inf, 1e308, -1e308]
    stamps = np.full(400, 1_780_000_000_000_000, dtype=np.int64)
    stamps[20:23] = [2**62, -(2**62), 2**60]
    at = pa.array(stamps, pa.timestamp("us", "UTC"))
    table = pa.table({"lon": lon, "lat": lat, "class": ["2026:C01002"] * 400, "reported_at": at})
    pq.write_table(table, tmp_path / "c.parquet")
    done = assign_file(tmp_path / "c.parquet", tmp_path / "a.parquet", snapshot, size=150)
    made = read(tmp_path / "a.parquet")
    assert done.rows == 400
    assert made["fault"][20:23].str.contains("is not between 1800 and 2200").all()
    assert (made["fault"][:10] != "").sum() + (made["rule"][:10].isin(["no_location", "outside"])).sum() == 10
    assert made["fault"][1].startswith("lon") and "infinite" in made["fault"][1]
    assert made["rule"][0] == "no_location" and made["reason"][0] == "missing"


def test_nothing_in_it(snapshot: Snapshot, tmp_path: Path):
    none = pa.array([], pa.float64())
    pq.write_table(pa.table({"lon": none, "lat": none, "class": pa.array([], pa.string())}), tmp_path / "c.parquet")
    (tmp_path / "c.csv").write_text("lon,lat,class\n")
    for name in ("c.parquet", "c.csv"):
        with pytest.raises(InputError, match="has no rows"):
            assign_file(tmp_path / name, tmp_path / "a.parquet", snapshot)
    assert not (tmp_path / "a.parquet").exists()


def test_a_class_that_the_city_has_not(tmp_path: Path):
    layers = town.layers()
    book = pd.DataFrame({"edition": ["own"] * 2, "kind": ["E"] * 2, "code": ["NOISE", "LIGHT"], "name_zh": ["", ""]})
    from dataclasses import replace

    layers["rules"], layers["components"] = layers["rules"].iloc[:0], layers["components"].iloc[:0]
    layers["zones"] = layers["zones"].assign(classes="*")
    own = Snapshot.compile(replace(town.CITY, edition="own"), {**layers, "classes": book}, at=town.DAY)
    (tmp_path / "c.csv").write_text("lon,lat,class\n" + "111.0005,35.031,NOISE\n" * 3 + "111.0005,35.031,NOICE\n")
    done = assign_file(tmp_path / "c.csv", tmp_path / "a.csv", own)
    assert done.rejected == 1 and done.rejects["why"][0] == "is unknown; did you mean own:ENOISE?"


CHILD = """
import resource, sys
from gis.batch import assign_file
from gis.snapshot import Snapshot
snapshot = Snapshot.open(sys.argv[1])
assign_file(sys.argv[2], sys.argv[4], snapshot, size=8192, threads=1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
done = assign_file(sys.argv[3], sys.argv[4], snapshot, size=8192, threads=1)
print(done.rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_memory_does_not_grow_with_the_file(snapshot: Snapshot, tmp_path: Path, ending: str):
    """A file of thirty-two portions takes no more than one of four, although it is larger than what may be added."""
    kept = snapshot.save(tmp_path / "s.wanmi")
    few, many = (cases(n, seed=2) for n in (32_768, 262_144))
    small, large = written(few, tmp_path / f"small{ending}"), written(many, tmp_path / f"large{ending}")
    command = [sys.executable, "-c", CHILD, str(kept), str(small), str(large), str(tmp_path / "a.parquet")]
    told = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True).stdout
    rows, more = map(int, told.split())
    held = many.memory_usage(deep=True).sum()
    assert rows == 262_144 and more < 8e6 < held / 2, f"{more:,} bytes more, the frame has {held:,}"


def test_a_datum_that_nobody_knows(snapshot: Snapshot, tmp_path: Path):
    source = written(cases(100), tmp_path / "c.csv")
    with pytest.raises(InputError, match="moon") as error:
        assign_file(source, tmp_path / "a.parquet", snapshot, crs="moon")
    assert "\n" not in str(error.value) and not (tmp_path / "a.parquet").exists()


@pytest.mark.long
def test_ten_million_rows(snapshot: Snapshot, tmp_path: Path):
    """A hundred times the same hundred thousand rows: a hundred times the same answers, each in its place."""
    part, times = cases(100_000, seed=4), 100
    flat = pd.DataFrame(part.drop(columns=["geometry", "note"])).assign(lon=part.geometry.x, lat=part.geometry.y)
    table = pa.Table.from_pandas(flat, preserve_index=False)
    with pq.ParquetWriter(tmp_path / "c.parquet", table.schema) as writer:
        for _ in range(times):
            writer.write_table(table)
    del part, flat
    done = assign_file(tmp_path / "c.parquet", tmp_path / "a.parquet", snapshot)
    assert (done.rows, done.rejected, len(done.rejects)) == (10_000_000, 30 * times, 1000)
    made = pq.ParquetFile(tmp_path / "a.parquet")
    first = None
    for batch in made.iter_batches(100_000):
        told = pa.Table.from_batches([batch]).drop(["id"])
        first = told if first is None else first
        assert told.equals(first)
