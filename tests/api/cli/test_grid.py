"""``wanmi grid``: files in, files out, and the exit status."""

from __future__ import annotations

import json
import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from api.cli import main
from gis.gridfiles import area_distortion, read_barriers, read_polygons, write_layer
from grids.errors import InputError
from tests.grids.lattice import ORIGIN, communities, lattice


@pytest.fixture(scope="module")
def units():
    return lattice(12)


@pytest.fixture
def files(tmp_path, units):
    """Units, their communities and streets between some of them, as files."""
    units.to_file(tmp_path / "units.gpkg")
    communities(units).to_file(tmp_path / "areas.gpkg")
    lines = shapely.get_parts(shapely.union_all(shapely.boundary(units.geometry.to_numpy()[::2])))
    streets = gpd.GeoDataFrame({"rank": np.full(len(lines), 6)}, geometry=lines, crs=units.crs)
    streets.to_file(tmp_path / "streets.gpkg")
    return tmp_path


def said(capsys, *words):
    status = main(["grid", *map(str, words), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_help_shows_examples(capsys):
    for verb in ("build", "check", "revise"):
        assert main(["grid", verb, "--help"]) == 0
        assert f"wanmi grid {verb} " in capsys.readouterr().out


@pytest.mark.parametrize("ending", ["gpkg", "geojson", "fgb", "parquet"])
def test_build_then_check_passes(files, capsys, ending):
    out = files / f"made.{ending}"
    words = ("--areas", files / "areas.gpkg", "--barriers", files / "streets.gpkg", "--out", out)
    status, built = said(capsys, "build", *words)
    assert status == 0 and built["passed"] and built["figures"]["largest_difference_m2"] < 0.1
    made = read_polygons(out)
    assert len(made) == built["units"] > 120
    assert shapely.coverage_is_valid(shapely.set_precision(made.geometry.to_numpy(), 0.001))
    status, checked = said(capsys, "check", out, "--areas", files / "areas.gpkg")
    assert status == 0 and checked["passed"] and checked["faults_file"] is None


def test_what_holds_of_the_units_in_force_keeps_its_shape(files, capsys):
    first, second = files / "first.gpkg", files / "second.gpkg"
    words = ("--areas", files / "areas.gpkg", "--barriers", files / "streets.gpkg")
    assert said(capsys, "build", *words, "--out", first)[0] == 0
    old = read_polygons(first)
    ended = old.iloc[:3].assign(geometry=old.geometry.iloc[:3].translate(30, 20), valid_to="2026-01-01T00:00:00Z")
    write_layer(pd.concat([old.assign(valid_to=None), ended], ignore_index=True), files / "history.gpkg")
    assert said(capsys, "build", *words, "--previous", files / "history.gpkg", "--out", second)[0] == 0
    assert shapely.to_wkb(read_polygons(second).geometry).tolist() == shapely.to_wkb(old.geometry).tolist()
    # without any street the older borders stay
    alone = ("--areas", files / "areas.gpkg", "--out", second)
    assert said(capsys, "build", *alone, "--previous", first)[1]["units"] == len(old)
    assert said(capsys, "build", *alone)[1]["units"] != len(old)


def test_a_layer_with_faults_fails_and_tells_where(files, units, capsys):
    shapes = units.geometry.to_numpy().copy()
    shapes[30] = shapely.difference(shapes[30], shapely.buffer(shapely.centroid(shapes[30]), 7))
    shapes[70] = shapely.Point(ORIGIN)
    shapes[90] = None
    broken = units.set_geometry(gpd.GeoSeries(shapes, crs=units.crs))
    broken.loc[5, "code"] = "14080200100"
    broken.to_file(files / "broken.gpkg")
    status, checked = said(capsys, "check", files / "broken.gpkg", "--areas", files / "areas.gpkg")
    assert status == 1 and not checked["passed"]
    assert {k for k, n in checked["counts"].items() if n} == {"gap", "invalid", "code"}
    assert checked["counts"]["gap"] == 3 and checked["counts"]["invalid"] == 2
    found = files / "broken.faults.gpkg"
    assert checked["faults_file"] == str(found)
    layers = dict(pyogrio.list_layers(found))
    assert layers["faults_areas"] in ("MultiPolygon", "Unknown", "Polygon")
    gaps = gpd.read_file(found, layer="faults_areas").query("kind == 'gap'")
    assert gaps.crs == units.crs and gaps["area_m2"].max() == pytest.approx(
        shapely.area(units.geometry[[70, 90]]).max()
    )
    assert main(["grid", "check", str(files / "broken.gpkg")]) == 1
    text = capsys.readouterr().out
    assert text.startswith("certificate: FAILED") and "in_band_share" in text
    # mended: the list of faults goes
    units.to_file(files / "broken.gpkg")
    assert said(capsys, "check", files / "broken.gpkg", "--areas", files / "areas.gpkg")[0] == 0
    assert not found.exists()


def test_notices_fail_when_strict(files, capsys):
    words = ("check", files / "units.gpkg", "--band", "9000", "11000")
    status, answer = said(capsys, *words)
    assert status == 0 and answer["notices"] > 0
    status, answer = said(capsys, *words, "--strict")
    assert status == 1 and not answer["passed"]


def test_columns_of_others_and_degrees(files, units, capsys):
    theirs = units.rename(columns={"code": "WGDM", "community": "SQ"}).to_crs(4326)
    theirs.to_file(files / "wg.geojson", COORDINATE_PRECISION=9)
    areas = communities(units).rename(columns={"code": "SQDM"}).to_crs(3857)
    areas.to_file(files / "sq.shp")
    words = ("check", files / "wg.geojson", "--code", "WGDM", "--areas", files / "sq.shp", "--area-code", "SQDM")
    status, answer = said(capsys, *words)
    assert status == 0 and answer["crs"] == "EPSG:4546"
    assert answer["figures"]["area_m2"] == pytest.approx(units.area.sum(), rel=1e-6)
    assert main(["grid", "check", str(files / "wg.geojson")]) == 2
    assert "say which with --code COLUMN" in capsys.readouterr().err


def test_revise_carries_codes_over(files, units, capsys):
    shapes = list(units.geometry)
    west, south, east, north = shapes[20].bounds
    half = shapely.box(west - 1, south - 1, (west + east) / 2, north + 1)
    names = [*units["community"].drop(index=20), *[units["community"][20]] * 2]
    parts = [*np.delete(np.array(shapes), 20), shapes[20] & half, shapes[20] - half]
    gpd.GeoDataFrame({"community": names}, geometry=parts, crs=units.crs).to_file(files / "new.gpkg")
    points = units.assign(unit=units["code"], geometry=units.centroid)[["code", "unit", "geometry"]]
    points.to_file(files / "covers.gpkg")
    words = ("--old", files / "units.gpkg", "--new", files / "new.gpkg", "--out", files / "out.gpkg")
    at = ("--at", "2026-12-01", "--time-zone", "Asia/Shanghai", "--components", files / "covers.gpkg")
    status, answer = said(capsys, "revise", *words, *at)
    assert status == 0 and (answer["kept"], answer["split"]) == (len(units) - 1, 1)
    assert answer["at"] == "2026-11-30T16:00:00+00:00" and answer["components_move"] == 1
    lineage = pd.read_csv(files / "out.lineage.csv", dtype=str)
    assert lineage["what"].value_counts().to_dict() == {"kept": len(units) - 1, "split": 2}
    moved = pd.read_csv(files / "out.components.csv", dtype=str)
    assert moved["old"].tolist() == [units["code"][20]] and moved["how"].tolist() == ["place"]
    every = read_polygons(files / "out.gpkg")
    assert len(every) == len(units) + 2 and every["code"].is_unique
    # the file holds all there is to know for the next time
    again = ("--old", files / "out.gpkg", "--new", files / "new.gpkg", "--out", files / "out2.gpkg")
    status, answer = said(capsys, "revise", *again, "--at", "2026-12-02")
    assert answer["kept"] == answer["units"] == len(units) + 1 and len(read_polygons(files / "out2.gpkg")) == len(every)


def test_wrong_use_is_one_line(files, capsys):
    areas, streets = str(files / "areas.gpkg"), str(files / "streets.gpkg")
    for words, line in (
        (["check", "none.gpkg"], "there is no such file"),
        (["build", "--areas", areas, "--out", "units.xyz"], "is no format we write"),
        (["build", "--areas", streets, "--out", str(files / "o.gpkg")], "no column code"),
        (["build", "--areas", areas, "--out", str(files / "no" / "o.gpkg")], "no such folder"),
        (["check", areas, "--band", "9", "1"], "the lower bound first"),
        (["check", areas, "--faults", "f.shp"], "is no format we write"),
        (["revise", "--old", areas, "--new", streets, "--out", str(files / "o.gpkg"), "--at", "soon"], "--at"),
    ):
        assert main(["grid", *words]) == 2
        told = capsys.readouterr().err.strip()
        assert line in told and len(told.splitlines()) == 1


def test_bad_files_are_told_in_one_line_and_nothing_is_written(files, units, capsys, monkeypatch):
    monkeypatch.chdir(files)
    areas, at = communities(units), ORIGIN
    line = shapely.LineString([at, (at[0] + 90, at[1])])

    def write(name, shapes, crs=4546, **columns):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # files without a CRS are wanted
            gpd.GeoDataFrame(columns, geometry=list(shapes), crs=crs).to_file(name)

    write("nocrs.gpkg", areas.geometry, None, code=areas["code"])
    write("point.gpkg", [shapely.Point(at)], code=["a"])
    write("uncoded.gpkg", units.geometry)
    write("twice.gpkg", [*areas.geometry, areas.geometry[0]], code=[*areas["code"], "140802009009"])
    write("big.gpkg", [shapely.box(*at, at[0] + 5000, at[1] + 3000)], code=["140802001001"])
    write("rank.gpkg", [line] * 2, rank=[1, 77])
    write("none.gpkg", [], code=[])
    write("layers.gpkg", areas.geometry, code=areas["code"])
    areas.to_file("layers.gpkg", layer="other")
    (files / "junk.gpkg").write_text("no database")
    (files / "covers.csv").write_text("code\n1\n")
    there = set(files.iterdir())
    for words, told in (
        ("build --areas nocrs.gpkg", "nocrs.gpkg: its coordinate system cannot be told; say --crs"),
        ("build --areas point.gpkg", "point.gpkg: community a is a Point; polygons"),
        ("build --areas none.gpkg", "none.gpkg: has no rows"),
        ("build --areas junk.gpkg", "ends in .gpkg but is text"),
        ("build --areas uncoded.gpkg", "say which with --code COLUMN; columns: none"),
        ("build --areas areas.gpkg --code SQDM", "no column 'SQDM'; columns: code"),
        ("build --areas areas.gpkg --set community", "leave --set out"),
        ("build --areas twice.gpkg", "community 140802009009 lies within 140802001001 by 100%"),
        ("build --areas big.gpkg", "at most 999: take a larger target, split the community"),
        ("build --areas big.gpkg --digits 2", "or use 3 digits"),
        ("build --areas layers.gpkg", 'name one as in "layers.gpkg|layer": layers, other'),
        ("build --areas areas.gpkg --barriers rank.gpkg", "rank.gpkg: rank 77; 1 (highest) to 8"),
        ("build --areas areas.gpkg --barriers nowhere.osm", "no file nowhere.osm"),
        ("build --areas areas.gpkg --taken uncoded.gpkg", "--taken uncoded.gpkg: no column code"),
        ("check point.gpkg", "has no polygons"),
        ("check nocrs.gpkg", "say --crs"),
        ("check units.gpkg --areas point.gpkg", "is a Point"),
        ("check units.gpkg --levels areas.gpkg", "has no streets and no districts"),
        ("check units.gpkg --row 0", "above 0"),
        ("revise --old uncoded.gpkg --new units.gpkg", "no column code"),
        ("revise --old units.gpkg --new uncoded.gpkg", "a new unit without a community"),
        ("revise --old units.gpkg --new point.gpkg", "a new unit without a community"),
        ("revise --old units.gpkg --new units.gpkg --components covers.csv", "no column unit; columns code and unit"),
        ("revise --old units.gpkg --new units.gpkg --time-zone Mars/Base", "'Mars/Base' is no time zone"),
        ("revise --old units.gpkg --new units.gpkg --load", "leave --old out"),
    ):
        words = words.split()
        out = [] if words[0] == "check" else ["--out", "o.gpkg"]
        assert main(["grid", *words, *out]) == 2, words
        text = capsys.readouterr().err.strip()
        assert told in text and len(text.splitlines()) == 1, (words, text)
        assert set(files.iterdir()) == there, words


def test_barriers_that_bound_nothing_are_told(files, capsys):
    far = gpd.GeoDataFrame({"rank": [6]}, geometry=[shapely.LineString([(1e5, 2e6), (2e5, 2e6)])], crs=4546)
    far.to_file(files / "far.gpkg")
    point = gpd.GeoDataFrame({"rank": [6]}, geometry=[shapely.Point(ORIGIN)], crs=4546)
    point.to_file(files / "point.gpkg")
    more = [w for n in ("far", "point", "streets") for w in ("--barriers", files / f"{n}.gpkg")]
    status, answer = said(capsys, "build", "--areas", files / "areas.gpkg", *more, "--out", files / "o.gpkg")
    assert status == 0 and [note.partition(":")[0] for note in answer["notes"]] == ["far.gpkg", "point.gpkg"]


def test_areas_are_true_or_the_run_refuses(tmp_path):
    """A square of 10,000 m² on the ground in Web Mercator, which shows it 2.4 times as large in Prague."""
    square = gpd.GeoDataFrame({"code": ["a"]}, geometry=[shapely.box(0, 0, 100, 100)], crs=32633)
    square = square.translate(459_000, 5_550_000).to_frame("geometry").assign(code="a").to_crs(3857)
    assert square.area.item() > 24_000
    write = tmp_path / "square.gpkg"
    square.to_file(write)
    read = read_polygons(write)
    assert read.crs.to_epsg() == 32633 and read.area.item() == pytest.approx(10_000, rel=1e-3)
    assert area_distortion(3857, np.array([[1_600_000.0, 6_460_000.0]])) > 1.3
    # between two zones, on the equator, areas in neither are true to a thousandth
    far = gpd.GeoDataFrame({"code": ["a"]}, geometry=[shapely.box(-0.01, 0, 0.01, 0.01)], crs=4326)
    far.to_file(tmp_path / "far.gpkg")
    with pytest.raises(InputError, match="differ from the ground"):
        read_polygons(tmp_path / "far.gpkg")


def test_a_layer_is_written_whole_or_not_at_all(tmp_path, units):
    write_layer(units, tmp_path / "u.gpkg")
    before = (tmp_path / "u.gpkg").read_bytes()
    bad = units.assign(odd=[1j] * len(units))
    with pytest.raises(InputError, match="cannot be written"):
        write_layer(bad, tmp_path / "u.gpkg")
    assert (tmp_path / "u.gpkg").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_flags_of_barriers_are_read_however_written(tmp_path):
    lines = [shapely.LineString([(500_000, 3_900_000 + i), (500_100, 3_900_000 + i)]) for i in range(4)]
    frame = gpd.GeoDataFrame(
        {"rank": [1, 2, 3, 4], "tunnel": ["no", "yes", None, "T"], "layer": ["0", "-1", None, "x"]},
        geometry=lines, crs=4546,
    )  # fmt: skip
    frame.to_file(tmp_path / "b.gpkg")
    read = read_barriers(tmp_path / "b.gpkg", 4546)
    assert read["tunnel"].tolist() == [False, True, False, True] and read["layer"].tolist() == [0, -1, 0, 0]
    frame.assign(rank=[1, 2, 3, 9]).to_file(tmp_path / "b.gpkg")
    with pytest.raises(InputError, match="rank"):
        read_barriers(tmp_path / "b.gpkg", 4546)


def test_a_figure_is_drawn_of_our_own_layers(tmp_path, units, capsys):
    """Layers as `wanmi demo --out` writes them: areas of several sets, roads with a kind and no rank."""
    wards = communities(units).assign(set="community")
    whole = gpd.GeoDataFrame({"code": ["140802"], "set": ["district"]}, geometry=[wards.union_all()], crs=units.crs)
    pd.concat([wards, whole]).to_parquet(tmp_path / "areas.parquet")
    lines = shapely.get_parts(shapely.union_all(shapely.boundary(units.geometry.to_numpy()[::2])))
    kinds = np.where(np.arange(len(lines)) % 2, "residential", "bench")
    gpd.GeoDataFrame({"kind": kinds}, geometry=lines, crs=units.crs).to_parquet(tmp_path / "roads.parquet")
    words = ("--areas", tmp_path / "areas.parquet", "--barriers", tmp_path / "roads.parquet")
    words = (*words, "--out", tmp_path / "u.gpkg", "--picture", tmp_path / "u.png")
    assert main(["grid", "build", *map(str, words)]) == 2
    assert "say which with --set NAME" in capsys.readouterr().err
    status, answer = said(capsys, "build", *words, "--set", "community")
    assert status == 0 and answer["barriers"] == (kinds == "residential").sum()
    assert (tmp_path / "u.png").read_bytes().startswith(b"\x89PNG")
