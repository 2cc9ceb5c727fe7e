"""Bad files, wrong layers and columns: each is refused in one line that says what, where and what would be right."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pyogrio
import pytest
import shapely

from gis.files import Limits, read_layer
from gis.profile import Profile, Source
from grids.errors import NotFound, TooLarge
from tests.gis.bad_files import BOX, CITY, POINTS, areas, csv, read, refused, written

# ------------------------------------------------------------------ the file itself


def test_no_such_file(tmp_path):
    path = tmp_path / "lamps.csv"
    assert refused(path) == f"lamps.csv: there is no such file; looked for {path}"


def test_folder(tmp_path):
    assert refused(tmp_path) == f"{tmp_path.name}: is a folder; give one file, or zip the folder"


def test_empty_file(tmp_path):
    assert refused(csv(tmp_path / "a.gpkg", "")) == "a.gpkg: is empty (0 bytes); give a file with rows"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.csv", "\n \n", "a.csv: has no header and no rows; the first line names the columns"),
        ("a.csv", "code,class,lon,lat\n", "a.csv: has no rows; give a file with rows"),
        ("a.geojson", '{"type":"FeatureCollection","features":[]}', "a.geojson: has no rows; give a file with rows"),
        ("a.geojson", "  \n", "a.geojson: is blank; give a GeoJSON FeatureCollection"),
    ],
)
def test_nothing_in_it(tmp_path, name, text, line):
    columns = {"set_": "block"} if name.endswith("json") else {}
    assert refused(csv(tmp_path / name, text), "roads" if columns else "components", **columns) == line


def test_unreadable(tmp_path):
    path = csv(tmp_path / "a.csv", POINTS)
    path.chmod(0)
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        assert "cannot be read (Permission denied); give it read permission" in refused(path)
    finally:
        os.seteuid(was)


def test_unknown_ending(tmp_path):
    line = refused(csv(tmp_path / "a.xlsx", "PK"))
    assert line.startswith("a.xlsx: has the ending '.xlsx', which we do not read; we read GeoPackage, Shapefile")


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("a.gpkg", b"code,class\n", "a.gpkg: ends in .gpkg but is text or something else"),
        ("a.csv", b"PK\x03\x04....", "a.csv: ends in .csv but is zip"),
        ("a.parquet", b"SQLite format 3\x00", "a.parquet: ends in .parquet but is GeoPackage"),
        ("a.zip", b"code\n", "a.zip: is no zip"),
        ("a.dbf", b"\x03", "a.dbf: is a part of a Shapefile; give its .shp"),
        ("a.csv", b"code\x00,b\n1,2\n", "a.csv: is no text (it has zero bytes)"),
    ],
)
def test_not_what_its_ending_says(tmp_path, name, data, line):
    assert refused(csv(tmp_path / name, data)).startswith(line)


def test_two_gigabytes(tmp_path):
    path = tmp_path / "huge.geojson"
    with path.open("wb") as file:
        file.write(b'{"type"')
        file.truncate(2 << 30)
    with pytest.raises(TooLarge, match=r"^huge.geojson: has 2.0 GB; at most 1 GB; split it$"):
        read(path)


def test_too_many_rows(tmp_path):
    path = csv(tmp_path / "a.csv", POINTS + "c2,Lamp,111,35\n")
    with pytest.raises(TooLarge, match=r"a\.csv: has more than 1 rows; split it"):
        read(path, limits=Limits(rows=1))


def bomb(path: Path, size: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w") as member:
        for _ in range(size >> 20):
            member.write(bytes(1 << 20))
    return path


def test_zip_bomb_by_its_ratio(tmp_path):
    line = refused(bomb(tmp_path / "bomb.zip", 64 << 20))
    assert line.startswith("bomb.zip: unpacks to 0.0625 GB, 1,0")
    assert line.endswith(
        "times its size (a zip bomb?); at most 1 GB and 200 times its packed size; give the file itself"
    )


def test_zip_bomb_by_its_size(tmp_path):
    line = refused(bomb(tmp_path / "bomb.zip", 8 << 20), limits=Limits(bytes=4 << 20))
    assert line.startswith("bomb.zip: unpacks to 0.00781 GB")


def test_zip_bomb_that_lies_about_its_size(tmp_path):
    path = bomb(tmp_path / "bomb.zip", 64 << 20)
    path.write_bytes(path.read_bytes().replace((64 << 20).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    assert refused(path).startswith("bomb.zip: is a broken zip")


def test_zip_bomb_of_many_files(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(300):
            archive.writestr(f"{i}.csv", "code\n")
    assert refused(path) == "bomb.zip: holds 300 files; at most 200"


def test_zip_in_a_zip_and_two_in_one(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b.zip", "PK")
    assert refused(path) == "a.zip/b.zip: is a zip in a zip; zip the files themselves"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b.csv", "x")
        archive.writestr("c.csv", "x")
    assert refused(path) == "a.zip: holds 2 data sets (b.csv, c.csv); zip one data set"


def test_zip_writes_nowhere_else(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../../escaped.csv", POINTS)
    assert len(read(path).frame) == 1
    assert not list(tmp_path.parent.rglob("escaped.csv"))


@pytest.mark.parametrize("ending", [".gpkg", ".geojson", ".fgb", ".shp", ".parquet", ".csv", ".zip"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_ends_in_the_middle(tmp_path, ending, share):
    whole = areas(*[shapely.Point(111 + i / 1e4, 35) for i in range(300)], **{"class": ["Lamp"] * 300})
    path = tmp_path / f"a{ending}"
    if ending == ".csv":
        frame = whole.drop(columns="geometry").assign(lon=whole.geometry.x, lat=whole.geometry.y)
        path.write_text(frame.to_csv(index=False))
    elif ending == ".zip":
        inner = written(tmp_path / "b.geojson", whole)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(inner, "b.geojson")
    else:
        written(path, whole)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    if ending == ".csv":
        path.write_bytes(data[: data.rfind(b",")])
        told = read(path)
        assert told.notes[-1] == "its last line has no end; is the file whole?"
        assert list(told.rejects["row"]) == [len(told.frame) + 1]
        assert told.rejects["why"][0] == "has 3 fields where the header has 4, perhaps the file ends in the middle"
        return
    line = refused(path)
    assert line.startswith(f"a{ending}: ")
    assert any(word in line for word in ("ends in the middle", "is it whole?", "broken zip")), line


def test_shapefile_without_its_parts(tmp_path):
    path = written(tmp_path / "a.shp", areas(BOX))
    (tmp_path / "a.dbf").rename(tmp_path / "b.dbf")
    line = "a.shp: has no a.dbf beside it; a Shapefile is .shp, .shx, .dbf and .prj"
    assert refused(path, "areas") == line
    (tmp_path / "b.dbf").rename(tmp_path / "a.dbf")
    (tmp_path / "a.dbf").write_bytes((tmp_path / "a.dbf").read_bytes()[:-40])
    assert refused(path, "areas").startswith("a.shp: its a.dbf ends in the middle: ")


def test_geopackage_of_several_layers(tmp_path):
    path = tmp_path / "a.gpkg"
    for name in ("one", "two"):
        pyogrio.write_dataframe(areas(BOX), path, layer=name, append=name == "two")
    line = "a.gpkg: has 2 layers; name one in the profile (table = …): one, two"
    assert refused(path, "areas") == line
    profile = Profile(CITY, {("areas", "block"): Source("areas", "block", columns={"code": "code"}, table="two")})
    assert len(read(path, "areas", profile=profile).frame) == 1


# ------------------------------------------------------------------ the wrong layer or columns


def test_unknown_layer(tmp_path):
    with pytest.raises(NotFound, match=r"there is no layer 'component'; did you mean components"):
        read_layer(csv(tmp_path / "a.csv", POINTS), "component", CITY)


def test_wrong_layer(tmp_path):
    path = written(tmp_path / "a.gpkg", areas(shapely.Point(111, 35), shapely.Point(111, 35.01)))
    assert refused(path, "areas") == "a.gpkg: has 2 Points; areas takes polygons; is it the right layer?"


def test_missing_columns(tmp_path):
    line = refused(csv(tmp_path / "a.csv", "cod,klass,lon,lat\nc1,Lamp,111,35\n"))
    assert line == "a.csv: has no column for code, class of components; did you mean cod?; --map code=… --map class=…"
    line = refused(csv(tmp_path / "a.csv", "x1,lon,lat\nc1,111,35\n"), mapping={"code": "id"})
    assert line == "a.csv: has no column 'id' (for code); known are x1, lon, lat"
    line = refused(csv(tmp_path / "a.csv", POINTS), mapping={"klass": "class"})
    assert line == "--map: components has no field 'klass'; did you mean class?"


def test_area_set_is_asked_for(tmp_path):
    path = written(tmp_path / "a.gpkg", areas(BOX))
    line = refused(path, "areas", set_=None)
    assert line.startswith("a.gpkg: has no column for set of areas")
    assert line.endswith("say which area set it is: --set district, street, community …")


def test_two_columns_of_one_name(tmp_path):
    path = csv(tmp_path / "a.csv", "code,code,class,lon,lat\n1,2,3,4,5\n")
    assert refused(path) == "a.csv: two columns are called 'code'; give each column its own name"


def test_nothing_says_where(tmp_path):
    line = refused(csv(tmp_path / "a.csv", "code,class\nc1,Lamp\n"))
    assert line.startswith("a.csv: says nowhere where its rows lie; name them with --map lon=… --map lat=…")
