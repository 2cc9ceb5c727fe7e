"""Good files of every format, encoding and date."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from hypothesis import given
from hypothesis import strategies as st

from gis.crs import wgs_to_gcj
from gis.files import Checked, read_layer
from gis.files.encoding import encoding_of
from gis.files.faults import Faults
from gis.files.instants import instant, instants
from gis.layers import LAYERS
from gis.model import City
from gis.profile import Profile, Source
from grids.errors import InputError

CITY = City("town", "Town", 4546, "Asia/Shanghai", (110.9, 34.9, 111.1, 35.1), ((110.95, 34.95),), "free", "town")
DRIVERS = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".fgb": "FlatGeobuf", ".shp": "ESRI Shapefile"}


def lamps(n: int = 40) -> gpd.GeoDataFrame:
    rng = np.random.default_rng(1)
    points = shapely.points(rng.uniform(110.99, 111.01, n), rng.uniform(34.99, 35.01, n))
    columns = {
        "code": [f"c{i}" for i in range(n)],
        "class": ["Lamp"] * n,
        "name": ["路灯", "Lampe à gaz"] * (n // 2),
        "state": ["intact"] * n,
        "valid_from": ["2025-01-01"] * n,
    }
    return gpd.GeoDataFrame(columns, geometry=points, crs="EPSG:4326")


def write(path: Path, frame: gpd.GeoDataFrame) -> Path:
    if path.suffix == ".csv":
        plain = frame.drop(columns="geometry").assign(lon=frame.geometry.x, lat=frame.geometry.y)
        plain.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".zip":
        inner = path.with_suffix(".shp")
        pyogrio.write_dataframe(frame, inner, driver="ESRI Shapefile")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for part in path.parent.glob(f"{path.stem}.*"):
                if part.suffix != ".zip":
                    archive.write(part, f"folder/{part.name}")
    else:
        pyogrio.write_dataframe(frame, path, driver=DRIVERS[path.suffix])
    return path


def read(path: Path, layer: str = "components", **options: object) -> Checked:
    return read_layer(path, layer, CITY, **options)


# ------------------------------------------------------------------ formats


@pytest.mark.parametrize("ending", [".gpkg", ".geojson", ".fgb", ".shp", ".zip", ".parquet"])
def test_every_format_gives_the_same(tmp_path, ending):
    frame = lamps()
    expected = read(write(tmp_path / "reference.csv", frame)).frame
    told = read(write(tmp_path / f"a{ending}", frame))
    assert told.rejects.empty
    got = told.frame if ending != ".fgb" else told.frame.sort_values("code", key=lambda c: c.str[1:].astype(int))
    # FlatGeobuf sorts its rows by place
    assert_geodataframe_equal(got.reset_index(drop=True), expected.reset_index(drop=True))


def test_frame_is_canonical(tmp_path):
    frame = read(write(tmp_path / "a.csv", lamps())).frame
    assert list(frame.columns) == [*(c.name for c in LAYERS["components"].columns), "geometry"]
    assert frame.crs == "EPSG:4546"
    assert frame.index.name == "row"
    assert frame.index[0] == 1
    assert (frame["owning"] == "").all()
    assert str(frame["valid_from"].dtype) == "datetime64[us, UTC]"
    assert frame["valid_from"][1] == pd.Timestamp("2024-12-31T16:00Z")
    assert frame["valid_to"].isna().all()
    xy = frame.get_coordinates().to_numpy() * 1000
    assert np.abs(xy - np.rint(xy)).max() < 1e-5


def test_places_by_any_columns(tmp_path):
    frame = lamps()
    expected = read(write(tmp_path / "a.csv", frame)).frame
    metric = frame.to_crs(4546)
    plain = frame.drop(columns="geometry")
    plain.assign(x=metric.geometry.x, y=metric.geometry.y).to_csv(tmp_path / "xy.csv", index=False)
    plain.assign(wkt=metric.to_wkt()["geometry"]).to_csv(tmp_path / "wkt.csv", index=False)
    plain.assign(E=frame.geometry.x, N=frame.geometry.y).to_csv(tmp_path / "named.csv", index=False)
    assert_geodataframe_equal(read(tmp_path / "xy.csv", crs="EPSG:4546").frame, expected)
    assert_geodataframe_equal(read(tmp_path / "wkt.csv", crs="EPSG:4546").frame, expected)
    assert_geodataframe_equal(read(tmp_path / "named.csv", mapping={"lon": "E", "lat": "N"}).frame, expected)
    plain.assign(lon=frame.geometry.x, lat=frame.geometry.y).to_parquet(tmp_path / "plain.parquet")
    assert_geodataframe_equal(read(tmp_path / "plain.parquet").frame, expected)


def test_shifted_datum(tmp_path):
    frame = lamps()
    expected = read(write(tmp_path / "a.csv", frame)).frame
    lon, lat = wgs_to_gcj(frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy())
    shifted = frame.set_geometry(gpd.points_from_xy(lon, lat, crs="EPSG:4326"))
    told = read(write(tmp_path / "b.gpkg", shifted), crs="gcj02")
    assert told.frame.distance(expected).max() < 0.0015
    assert read(write(tmp_path / "c.gpkg", shifted)).frame.distance(expected).min() > 300


def test_geoarrow_and_unknown_crs(tmp_path):
    frame = lamps()
    expected = read(write(tmp_path / "a.csv", frame)).frame
    frame.to_parquet(tmp_path / "native.parquet", geometry_encoding="geoarrow")
    assert_geodataframe_equal(read(tmp_path / "native.parquet").frame, expected)
    frame.set_crs(None, allow_override=True).to_parquet(tmp_path / "bare.parquet")
    with pytest.raises(InputError, match=r"bare\.parquet: its coordinate system cannot be told"):
        read(tmp_path / "bare.parquet")
    assert_geodataframe_equal(read(tmp_path / "bare.parquet", crs="EPSG:4326").frame, expected)


def test_layers_without_geometry(tmp_path):
    path = tmp_path / "d.parquet"
    pd.DataFrame({"code": [1, 2], "name": ["One", "Two"], "phone": [None, "5"]}).to_parquet(path)
    frame = read(path, "departments").frame
    assert frame[["code", "name", "phone"]].to_numpy().tolist() == [["1", "One", ""], ["2", "Two", "5"]]
    path = tmp_path / "r.csv"
    path.write_text(
        "team,person,role,valid_from,valid_to\nA,Li,patrol,2026-07-01,2026-08-01\nA,Li,leader,2026-08-01,\n"
    )
    assert list(read(path, "rosters").frame["role"]) == ["patrol", "leader"]
    path = tmp_path / "c.csv"
    path.write_text("day,working,note\n2026-10-01,0,国庆\n2026-10-10,是,调休\n2026-10-32,1,\n")
    told = read(path, "calendars")
    assert list(told.frame["working"]) == [False, True]
    assert list(told.rejects["why"]) == ["does not exist in the calendar"]


def test_ground_layers_get_codes(tmp_path):
    frame = gpd.GeoDataFrame(
        {"kind": ["primary", "service"]}, geometry=[shapely.LineString([(111, 35), (111.01, 35)])] * 2
    )
    path = tmp_path / "roads.gpkg"
    pyogrio.write_dataframe(frame.set_crs(4326), path)
    assert list(read(path, "roads").frame["code"]) == ["1", "2"]


def test_cases_keep_rows_without_a_place(tmp_path):
    path = tmp_path / "cases.csv"
    rows = ["1,N,2026-01-01,111,35", "2,N,2026-01-01,,", "3,N,2026-01-01,110.95,34.95", "4,N,2026-01-01,NaN,35"]
    path.write_text("id,class,reported_at,lon,lat\n" + "\n".join([*rows, "5,N,2026-01-01,112,36"]) + "\n")
    told = read(path, "cases")
    assert told.rejects.empty
    assert list(told.frame["no_location"]) == ["", "missing", "", "missing", ""]
    assert list(told.frame.geometry.notna()) == [True, False, True, False, True]
    assert "2 rows have no place and are kept without one: rows 2, 4" in told.notes
    assert "1 rows lie outside the city's bounds and are kept: row 5" in told.notes


def test_profile_takes_and_rewrites(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id;ward;kind;when\n1;Ward 8;x;03.04.2025\n2;08;x;04.04.2025\n3;8;y;05.04.2025\n4; ;x;06.04.2025\n")
    source = Source(
        "cases",
        columns={"id": "id", "class": "kind", "department": "ward", "reported_at": "when"},
        place={"lon": "id", "lat": "id"},
        values={"class": {"x": "Noise"}},
        replace={"department": (("^Ward ", ""), ("^0+", ""))},
        dates={"*": ("%d.%m.%Y",)},
        leave={"kind": ("y",)},
        edition="town",
    )
    city = City("town", "Town", 4546, "Asia/Shanghai", (0.0, 0.0, 9.0, 9.0), codes="free", edition="town")
    told = read_layer(path, "cases", city, profile=Profile(city, {("cases", ""): source}))
    assert told.frame["department"].tolist() == ["8", "8", ""]
    assert told.frame["class"].unique().tolist() == ["town:ENoise"]
    assert list(told.frame.index) == [1, 2, 4]
    assert "1 rows left out by the profile" in told.notes


def test_majority(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("t,d\nx,B\nx,A\nx,A\ny,B\ny,A\n,A\n")
    source = Source("rules", columns={"class": "t", "department": "d"}, distinct=True, majority=("department",))
    told = read(path, "rules", profile=Profile(CITY, {("rules", ""): source}))
    assert told.frame[["class", "department"]].to_numpy().tolist() == [["town:Ex", "A"], ["town:Ey", "A"]]
    assert "department: the most frequent of each class, true of 60.0% of the rows" in told.notes
    assert list(told.rejects["row"]) == [6]


@pytest.mark.parametrize("ending", [".geojson", ".gpkg", ".parquet"])
def test_long_codes_with_gaps_keep_their_last_digit(tmp_path, ending):
    codes = pd.array([14080201001000001, None, 14080201001000003], dtype="Int64")
    frame = gpd.GeoDataFrame({"code": codes, "class": ["L"] * 3}, geometry=[shapely.Point(111, 35)] * 3, crs=4326)
    told = read(write(tmp_path / f"a{ending}", frame))
    assert list(told.frame["code"]) == ["14080201001000001", "14080201001000003"]
    assert list(told.rejects["why"]) == ["code is missing"]


def test_shapefile_cuts_names(tmp_path):
    frame = lamps(2).assign(supervising=["a", "b"], valid_from=["2025-01-01", None])
    with pytest.warns(RuntimeWarning, match="supervising"):
        path = write(tmp_path / "a.shp", frame)
    told = read(path).frame
    assert list(told["supervising"]) == ["a", "b"]
    assert told["valid_from"].isna().tolist() == [False, True]


def test_parquet_of_odd_types(tmp_path):
    path = tmp_path / "a.parquet"
    columns = {
        "code": pa.array([1.0, 2.0]).cast(pa.decimal128(10, 0)),
        "name": pa.array(["a", "b"]).dictionary_encode(),
        "parent": pa.array([b"x", None]),
        "valid_from": pa.array([0, None], pa.timestamp("ns", "Asia/Shanghai")),
        "valid_to": pa.array([json.loads("1"), None], pa.date32()),
    }
    pq.write_table(pa.table(columns), path)
    frame = read(path, "departments").frame
    assert frame["code"].tolist() == ["1", "2"]
    assert frame["name"].tolist() == ["a", "b"]
    assert frame["parent"].tolist() == ["x", ""]
    assert frame["valid_from"][1] == pd.Timestamp("1970-01-01T00:00Z")
    assert frame["valid_to"][1] == pd.Timestamp("1970-01-01T16:00Z")


# ------------------------------------------------------------------ encodings


@pytest.mark.parametrize(
    ("encoding", "text", "note"),
    [
        ("utf-8", "盐湖区 à", None),
        ("utf-8-sig", "盐湖区 à", None),
        ("gb18030", "盐湖区中城街道", "encoding gb18030"),
        ("latin-1", "Île-de-France, Größe", "encoding latin-1"),
        ("cp1252", "Rue – €", "encoding cp1252"),
        ("utf-16", "盐湖区", "encoding utf-16"),
    ],
)
def test_csv_encodings(tmp_path, encoding, text, note):
    path = tmp_path / "a.csv"
    path.write_bytes(f'code;name\nd1;"{text}"\n'.encode(encoding))
    told = read(path, "departments")
    assert list(told.frame["name"]) == [text]
    assert told.notes == ([note] if note else [])


@pytest.mark.parametrize("cpg", ["GBK", "936", None])
def test_shapefile_encodings(tmp_path, cpg):
    frame = lamps(2).assign(name=["盐湖区路灯", "中城街道路灯"])
    path = tmp_path / "a.shp"
    pyogrio.write_dataframe(frame, path, encoding="GBK")
    (tmp_path / "a.cpg").unlink()
    if cpg:
        (tmp_path / "a.cpg").write_text(cpg)
    told = read(path)
    assert list(told.frame["name"]) == list(frame["name"])
    assert told.notes == ["encoding gb18030, as its .cpg says" if cpg else "encoding gb18030"]


def test_geojson_in_gb18030(tmp_path):
    path = write(tmp_path / "a.geojson", lamps(2).assign(name=["盐湖区路灯", "中城街道路灯"]))
    path.write_bytes(path.read_bytes().decode().encode("gb18030"))
    told = read(path)
    assert list(told.frame["name"]) == ["盐湖区路灯", "中城街道路灯"]
    assert told.notes == ["encoding gb18030"]


def test_declared_encoding_wins(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("code,name\nd1,Größe\n".encode("cp1250"))
    profile = Profile(CITY, {("departments", ""): Source("departments", encoding="cp1250")})
    assert list(read(path, "departments", profile=profile).frame["name"]) == ["Größe"]
    profile = Profile(CITY, {("departments", ""): Source("departments", encoding="utf-8")})
    with pytest.raises(InputError, match=r"a.csv: byte 0xf6 at position 15 is not utf-8, which the profile declares"):
        read(path, "departments", profile=profile)


def test_one_broken_byte_in_utf8(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(f"code,name\nd1,{'盐湖' * 20}\n".encode() + b"d2,\xe9\n")
    with pytest.raises(InputError, match=r"byte 0xe9 at position 137 is not UTF-8, unlike 40 other characters"):
        read(path, "departments")


@given(st.text(min_size=1).filter(str.isprintable))
def test_utf8_is_never_mistaken(text):
    assert encoding_of(text.encode()) == "utf-8"


# ------------------------------------------------------------------ dates


def told_instants(
    values: list[str], zone: str = "America/New_York", *formats: str
) -> tuple[list[str], list, list[str]]:
    column, faults = pd.Series(values, dtype="str"), Faults(range(1, len(values) + 1))
    out = instants(column, "d", faults, zone=zone, formats=formats)
    return out.dt.strftime("%Y-%m-%dT%H:%M").fillna("").tolist(), faults.frame()["why"].tolist(), faults.notes


def test_iso_and_year_first():
    values = ["2025-07-01", "2025-07-01T08:00Z", "2025-07-01 08:00:00+08:00", "2025/7/1 8:05", "2025年7月1日", ""]
    out, why, _ = told_instants(values)
    expected = ["2025-07-01T04:00", "2025-07-01T08:00", "2025-07-01T00:00", "2025-07-01T12:05", "2025-07-01T04:00", ""]
    assert (out, why) == (expected, [])


def test_formats_in_turn():
    out, why, _ = told_instants(
        ["3/14/2025 1:20", "14.03.2025", "2/30/2025 1:20", "x"], "UTC", "%m/%d/%Y %H:%M", "%d.%m.%Y"
    )
    assert out == ["2025-03-14T01:20", "2025-03-14T00:00", "", ""]
    assert why == ["does not exist in the calendar", "is no date; the profile's format is %m/%d/%Y %H:%M"]


def test_the_clock_changes():
    out, _, notes = told_instants(["2025-03-09 02:30", "2025-11-02 01:30", "2025-11-02 03:00"])
    assert out == ["2025-03-09T07:00", "2025-11-02T05:30", "2025-11-02T08:00"]
    assert notes == [
        "d: hours that the clock leaps over, taken as the end of the leap: row 1",
        "d: hours that the clock shows twice, taken as the first: row 2",
    ]


def test_one_instant():
    assert instant("2025-01-01", zone="Asia/Shanghai", where="--valid-from") == pd.Timestamp("2024-12-31T16:00Z")
    with pytest.raises(InputError, match=r"^--valid-from: '2025-02-30' does not exist in the calendar"):
        instant("2025-02-30", zone="UTC", where="--valid-from")
    with pytest.raises(InputError, match=r"'tomorrow' is no date; write it as 2026-07-01"):
        instant("tomorrow", zone="UTC", where="--valid-from")


def test_valid_from_for_rows_without(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("code,name,valid_from\na,A,2020-01-01\nb,B,\n")
    frame = read(path, "departments", valid_from="2026-07-01").frame
    assert frame["valid_from"].dt.tz_convert("Asia/Shanghai").dt.strftime("%Y").tolist() == ["2020", "2026"]
