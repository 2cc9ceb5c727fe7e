"""``wanmi hotspots``: every cell, method and format; the planted hotspots are among those found."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from api.cli import main
from gis import store
from gis.demo import Demo
from gis.store.engine import transaction


@pytest.fixture
def city(demo_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANMI_DSN", demo_dsn)


@pytest.mark.usefixtures("city")
def test_the_summary_counts_what_is_counted(small_demo: Demo, capsys: pytest.CaptureFixture[str]):
    assert main(["hotspots", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["cases"] == len(small_demo.layers["cases"])
    assert facts["counted"] + facts["no_location"] + facts["outside"] + facts["unassigned"] == facts["cases"]
    assert facts["n_cells"] == len(small_demo.layers["units"]) and facts["hot"] > 0
    assert main(["hotspots"]) == 0
    text = capsys.readouterr().out
    assert "counted" in text and " z " in text


@pytest.mark.usefixtures("city")
def test_planted_hotspots_are_found(small_demo: Demo, tmp_path: Path):
    planted = small_demo.truth["hotspots"]
    planted = planted[(planted["risk"] == 3) & (planted["size"] >= 60)]
    for name, row in planted.iterrows():
        out = tmp_path / f"{name}.parquet"
        asked = ["--class", row["class"], "--from", row["from"].isoformat(), "--to", row["to"].isoformat()]
        assert main(["hotspots", *asked, "--method", "kde", "--out", str(out)]) == 0
        squares = gpd.read_parquet(out)
        away = shapely.distance(shapely.centroid(squares.geometry.to_numpy()), shapely.Point(row["x"], row["y"]))
        inside = squares["cases_per_ha"][away < row["radius_m"]].mean()
        around = squares["cases_per_ha"][(away > row["radius_m"] + 50) & (away < row["radius_m"] + 300)].mean()
        assert inside > 1.5 * around, (name, inside, around)
        if row["size"] >= 200:
            assert main(["hotspots", *asked, "--out", str(out)]) == 0
            units = gpd.read_parquet(out)
            circle = shapely.Point(row["x"], row["y"]).buffer(row["radius_m"])
            touched = shapely.area(shapely.intersection(units.geometry.to_numpy(), circle))
            assert touched[units["hot"].to_numpy()].sum() > 0.2 * touched.sum(), name


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize(
    ("arguments", "columns"),
    [
        (["--cells", "unit"], {"code", "community", "cases", "hectares", "cases_per_ha", "z", "p", "q", "hot"}),
        (["--cells", "area:community"], {"code", "name", "cases", "hectares", "cases_per_ha", "z", "p", "q", "hot"}),
        (
            ["--method", "moran"],
            {"code", "community", "cases", "hectares", "cases_per_ha", "i", "z", "p", "q", "quadrant", "hot"},
        ),
        (["--cells", "h3:9"], {"code", "cases", "hectares", "cases_per_ha", "z", "p", "q", "hot"}),
        (["--cells", "plane"], {"cases", "hectares", "cases_per_ha", "z", "p", "q", "hot"}),
        (["--method", "kde"], {"cases_per_ha"}),
    ],
)
@pytest.mark.parametrize("ending", ["geojson", "parquet", "csv"])
def test_every_cell_in_every_format(
    arguments: list[str], columns: set[str], ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / f"cells.{ending}"
    assert main(["hotspots", "--class", "E", *arguments, "--out", str(out), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    if ending == "csv":
        frame = pd.read_csv(out, dtype={"code": str, "community": str})
        assert set(frame.columns) == columns | {"lon", "lat"}
        assert frame["lon"].between(110.9, 111.1).all() and frame["lat"].between(34.9, 35.2).all()
    else:
        frame = gpd.read_file(out) if ending == "geojson" else gpd.read_parquet(out)
        assert set(frame.columns) == columns | {"geometry"} and frame.geometry.is_valid.all()
        metric = ending == "parquet" and "h3:9" not in arguments
        assert frame.crs.to_epsg() == (4546 if metric else 4326)
        west, south, east, north = frame.to_crs(4326).total_bounds
        assert 110.9 < west < east < 111.1 and 34.9 < south < north < 35.2
    assert len(frame) == facts["n_cells"] > 15
    if "cases" in columns:
        assert frame["cases"].sum() == pytest.approx(facts["counted"], rel=0.01)
        assert frame["hot"].sum() == facts["hot"]
    else:
        assert frame["cases_per_ha"].sum() * 25.0**2 / 10_000 == pytest.approx(facts["counted"], rel=0.06)


@pytest.mark.usefixtures("city")
def test_squares_of_the_plane_and_hexagons_hold_all_cases(tmp_path: Path):
    out = tmp_path / "hex.parquet"
    assert main(["hotspots", "--cells", "h3:8", "--out", str(out)]) == 0
    hexagons = gpd.read_parquet(out)
    assert (shapely.get_num_coordinates(hexagons.geometry.to_numpy()) >= 6).all()
    assert hexagons["code"].is_unique
    # at the rim, where a hexagon has less than half the ground of others, it is held against nothing
    rim, whole = hexagons[np.isnan(hexagons["z"])], hexagons[~np.isnan(hexagons["z"])]
    assert 0 < len(rim) < len(hexagons) / 2 and not rim["hot"].any() and len(whole) >= 10
    assert rim["hectares"].max() < 0.5 * hexagons["hectares"].median() <= whole["hectares"].min()


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--cells", "h3:20"], "--cells: h3 level '20'; h3:5 to h3:12"),
        (["--cells", "hexagon"], "--cells: 'hexagon'; unit, area:SET, h3:N or plane"),
        (["--method", "kde", "--cells", "unit"], "take plane, or --method gi"),
        (["--out", "spots.shp"], "--out: '.shp' is no format we write"),
        (["--out", "/none/spots.csv"], "/none: there is no such folder"),
        (["--class", "2026:E6"], "did you mean"),
        (["--from", "2026-02-30"], "from: '2026-02-30' is no time"),
        (["--from", "2026-03-01", "--to", "2026-03-01"], "is not before"),
        (["--bandwidth", "3"], "--bandwidth: 3; 50 to 2000 metres"),
        (["--bandwidth", "nan"], "nan is not a finite number"),
        (["--method", "guess"], "--method: 'guess'; one of gi, moran, kde, clusters"),
        (["--out", "p.html", "--method", "kde"], "--out: the page shows hotspots beside the density, and kde has none"),
        (["--out", "p.HTML", "--method", "knox"], "take --method gi, moran, clusters, trend, compare, scan"),
    ],
)
def test_wrong_use_is_one_line(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]):
    assert main(["hotspots", *arguments]) == 2
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1


def test_no_record_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("WANMI_DSN", "postgresql:///none?host=/nowhere")
    assert main(["hotspots"]) == 2
    told = capsys.readouterr().err
    assert "no connection" in told and told.count("\n") == 1


@pytest.mark.usefixtures("city")
def test_a_selection_without_cases_is_no_error(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    for arguments in ([], ["--method", "kde"], ["--cells", "h3:9"], ["--cells", "plane"]):
        out = ["--out", str(tmp_path / "none.csv")]
        assert main(["hotspots", "--from", "1999-01-01", "--to", "1999-02-01", "--json", *arguments, *out]) == 0
        assert json.loads(capsys.readouterr().out)["counted"] == 0


@pytest.mark.usefixtures("city")
def test_as_known_then(demo_dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """What was recorded later does not count; where the answer was given later the place is looked up as known then."""
    engine = store.connect(demo_dsn)
    with transaction(engine) as cursor:
        cursor.execute("SELECT (SELECT min(recorded_at) FROM wanmi.cases), (SELECT max(recorded_at) FROM wanmi.units)")
        cases, units = cursor.fetchone()
        cursor.execute("SELECT min(answered_at) > %s, count(*) FROM wanmi.answers", [cases])
        assert cursor.fetchone()[0], "answered after they were recorded"
        cursor.execute("SELECT count(*) FROM wanmi.cases WHERE recorded_at <= %s", [cases])
        (known,) = cursor.fetchone()
    engine.dispose()
    assert known > 1000
    now, then = tmp_path / "now.parquet", tmp_path / "then.parquet"
    assert main(["hotspots", "--json", "--to", "2199-01-01", "--out", str(now)]) == 0
    capsys.readouterr()
    assert main(["hotspots", "--json", "--known-at", cases.isoformat(), "--out", str(then)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["cases"] == known and pd.Timestamp(facts["known_at"]) <= pd.Timestamp(cases)
    one, two = (gpd.read_parquet(f).set_index("code")["cases"] for f in (now, then))
    assert (one - two).abs().sum() <= facts["cases"] * 0.001 and two.sum() > 0.9 * known
    for method in (["--method", "clusters"], ["--method", "knox", "--class", "C"]):
        assert main(["hotspots", "--json", *method, "--known-at", units.isoformat()]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["cases"] == 0
    assert main(["hotspots", "--json", "--at", "1950-01-01"]) == 0
    for wrong, says in (("2019-01-01", "is before the first record; ask from"), ("2199-01-01", "has not come yet")):
        assert main(["hotspots", "--known-at", wrong]) == 2
        line = capsys.readouterr().err
        assert line.startswith("wanmi: --known-at: ") and says in line and line.count("\n") == 1
    assert main(["hotspots", "--known-at", "2026-01-01", "--out", str(tmp_path / "x.html")]) == 2


@pytest.mark.usefixtures("city")
def test_patrols_as_known_then(demo_dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    engine = store.connect(demo_dsn)
    with transaction(engine) as cursor:
        cursor.execute("SELECT min(recorded_at) FROM wanmi.cases")
        (cases,) = cursor.fetchone()
    engine.dispose()
    patrols = ["grid", "patrols", "--groups", "3", "--json", "--out", str(tmp_path / "p.gpkg")]
    work = []
    for more in ([], ["--known-at", cases.isoformat()]):
        assert main([*patrols, *more]) == 0
        work.append(json.loads(capsys.readouterr().out)["work"])
    assert work[0] > 1000 and abs(work[0] - work[1]) <= 0.001 * work[0] + 5
    assert main([*patrols, "--known-at", "2019-01-01"]) == 2


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--method", "trend", "--bin-days", "14"], "patterns"),
        (
            ["--method", "compare", "--from", "2026-03-01", "--to", "2026-05-01", "--cells", "area:street"],
            "versus_from",
        ),
        (["--method", "scan", "--bin-days", "30", "--runs", "19"], "expected  p 0."),
        (["--method", "knox", "--runs", "9"], "to 50 m, to 0 days"),
        (["--method", "rates", "--exposure", "components", "--cells", "area:street"], "exposure"),
    ],
)
def test_methods_in_time_and_rates_are_summed_up(arguments, says, capsys, tmp_path):
    out = tmp_path / "found.csv"
    assert main(["hotspots", "--class", "E", *arguments, "--out", str(out)]) == 0
    assert says in capsys.readouterr().out
    assert len(pd.read_csv(out)) > 0
