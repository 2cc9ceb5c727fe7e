"""A revised set goes into the record at one instant: what was listed is what happens, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from sqlalchemy import Engine

from api.cli import main
from gis import demo, store
from gis.batch.record import assign_record
from gis.demo.record import load_demo
from gis.revision import load_revision, plan_revision
from gis.snapshot import Snapshot
from gis.store.engine import transaction
from grids.certificate import certify
from grids.errors import InputError

AT = pd.Timestamp("2026-07-01T00:00:00Z")
LATER = pd.Timestamp("2026-08-01T00:00:00Z")


@pytest.fixture(scope="module")
def engine(database: str) -> Iterator[Engine]:
    """The demo city at a fiftieth of its size, with its cases answered."""
    made = demo.make(scale=0.02)
    engine = store.connect(database)
    load_demo(engine, made)
    assign_record(engine, Snapshot.compile(made.city, store.city_frames(engine)))
    yield engine
    engine.dispose()


def rows(engine: Engine, question: str, *values: object) -> pd.DataFrame:
    with transaction(engine) as cursor:
        cursor.execute(question, values or None)
        return pd.DataFrame(cursor.fetchall(), columns=[c.name for c in cursor.description])


def units_at(engine: Engine, at: pd.Timestamp) -> gpd.GeoDataFrame:
    return store.city_frames(engine, at=at)["units"].sort_values("code", ignore_index=True)


def whole(engine: Engine) -> list[int]:
    """Everything that a revision could change, as sums."""
    tables = ("units", "components", "answers", "unit_lineage", "unit_moves")
    return [
        int(rows(engine, f"SELECT coalesce(sum(hashtext(t::text)), 0)::bigint AS n FROM wanmi.{t} t")["n"][0])
        for t in tables
    ]


def redrawn(units: gpd.GeoDataFrame, engine: Engine) -> gpd.GeoDataFrame:
    """A new set: the busiest unit is halved, two neighbours become one; cut ends are shared with the neighbours."""
    busy = rows(engine, "SELECT unit, count(*) AS n FROM wanmi.answers GROUP BY 1 ORDER BY 2 DESC, 1")["unit"]
    shapes, names = units.geometry.to_numpy(), units["community"].to_numpy(object)
    i = units.index[units["code"] == next(code for code in busy if code)][0]
    west, south, east, north = shapes[i].bounds
    cut = shapely.box(west - 1, south - 1, round((west + east) / 2, 3), north + 1)
    halves = [shapely.get_geometry(part, 0) for part in (shapes[i] & cut, shapes[i] - cut)]
    near = shapely.STRtree(shapes).query(shapes[i], predicate="touches")
    far = [k for k in range(len(units)) if k not in {*near, i}]
    a, b = next(
        (k, other)
        for k in far
        for other in far
        if k < other and names[k] == names[other] and shapely.intersection(shapes[k], shapes[other]).length > 20
    )
    parts = [*np.delete(shapes, [i, a, b]), *halves, shapely.union(shapes[a], shapes[b])]
    where = [*np.delete(names, [i, a, b]), names[i], names[i], names[a]]
    # every corner on both sides: the cut ends in the neighbours' edges
    noded = shapely.union_all(shapely.boundary(np.array(parts, object)), grid_size=0.001)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    at, face = shapely.STRtree(faces).query(shapely.point_on_surface(np.array(parts, object)), predicate="within")
    assert len(at) == len(parts)
    return gpd.GeoDataFrame({"community": where}, geometry=faces[face[np.argsort(at)]], crs=units.crs)


def test_listed_first_then_made_so(engine):
    before = units_at(engine, AT)
    new = redrawn(before, engine)
    still = whole(engine)
    listed = plan_revision(engine, new, at=AT)
    assert whole(engine) == still
    counts = listed.revision.counts
    assert (counts["split"], counts["merged"], counts["kept"]) == (1, 2, len(before) - 3)
    gone = set(listed.revision.ended["code"])
    in_gone = rows(engine, "SELECT count(*) AS n FROM wanmi.components WHERE unit = ANY (%s)", list(gone))["n"][0]
    answered = rows(engine, "SELECT count(*) AS n FROM wanmi.answers WHERE unit = ANY (%s)", list(gone))["n"][0]
    assert len(listed.components) == in_gone > 0 and len(listed.cases) == answered > 0
    total = rows(engine, "SELECT count(*) AS n FROM wanmi.answers WHERE unit IS NOT NULL")["n"][0]

    done = load_revision(engine, new, at=AT)
    pd.testing.assert_frame_equal(done.components, listed.components)
    pd.testing.assert_frame_equal(done.cases, listed.cases)
    # validity ends and begins on the same instant
    after, until = units_at(engine, AT), units_at(engine, AT - pd.Timedelta(microseconds=1))
    assert set(until["code"]) == set(before["code"]) and not set(after["code"]) & gone
    assert shapely.equals_identical(until.geometry.to_numpy(), before.geometry.to_numpy()).all()
    born = after[~after["code"].isin(before["code"])]
    assert len(born) == 3 and (born["issue"] == 1).all() and (born["valid_from"] == AT).all()
    assert not set(born["code"]) & set(before["code"])
    ends = rows(
        engine, "SELECT valid_to FROM wanmi.units WHERE replaced_at = 'infinity' AND code = ANY (%s)", list(gone)
    )
    assert (pd.to_datetime(ends["valid_to"], utc=True) == AT).all() and len(ends) == len(gone)
    assert after.area.sum() == pytest.approx(before.area.sum(), abs=0.01)
    community = store.city_frames(engine)["areas"].query("set == 'community'")
    assert certify(after, areas=community).passed

    # components and answers lie in the units that they are linked to
    shape = after.set_index("code").geometry
    now = store.city_frames(engine, at=AT)["components"]
    moved = now[now["code"].isin(listed.components["key"])]
    assert shapely.intersects(shape.loc[moved["unit"].tolist()].to_numpy(), moved.geometry.to_numpy()).all()
    then = store.city_frames(engine, at=AT - pd.Timedelta(days=1))["components"].set_index("code")
    begun = listed.components["key"][listed.components["key"].isin(then.index)]
    assert set(then.loc[begun, "unit"]) <= gone
    assert not rows(engine, "SELECT unit FROM wanmi.answers WHERE unit = ANY (%s)", list(gone)).size
    assert rows(engine, "SELECT count(*) AS n FROM wanmi.answers WHERE unit IS NOT NULL")["n"][0] == total
    told = rows(engine, "SELECT thing, count(*) AS n FROM wanmi.unit_moves GROUP BY 1").set_index("thing")["n"]
    assert told.to_dict() == {"component": listed.components["key"].nunique(), "case": len(listed.cases)}
    lineage = rows(engine, "SELECT * FROM wanmi.unit_lineage ORDER BY old, new")
    assert sorted(lineage["what"]) == ["merged", "merged", "split", "split"]
    assert lineage.groupby("old")["share_of_old"].sum().round(6).eq(1).all()
    # what was believed before is still recorded as such
    stamp = rows(engine, "SELECT min(recorded_at) AS t FROM wanmi.unit_lineage")["t"][0] - pd.Timedelta(microseconds=1)
    believed = store.city_frames(engine, at=LATER, known_at=stamp)["units"]
    assert set(believed["code"]) == set(before["code"])

    # the same set again is the identity
    again = load_revision(engine, new, at=LATER)
    assert again.revision.counts["kept"] == len(after) and not len(again.revision.ended) and not again.redrawn
    assert not len(again.components) and not len(again.cases)


def test_codes_are_never_given_again_and_nothing_half_done(engine):
    before = units_at(engine, LATER)
    ever = set(rows(engine, "SELECT DISTINCT code FROM wanmi.units")["code"])
    back = units_at(engine, AT - pd.Timedelta(days=1))[["community", "geometry"]]
    listed = plan_revision(engine, back, at=LATER)
    fresh = set(listed.revision.units["code"]) - set(before["code"])
    assert len(fresh) == 3 and not fresh & ever
    still = whole(engine)
    with pytest.raises(InputError, match="lies ahead"):
        load_revision(engine, back, at=pd.Timestamp("2100-01-01", tz="UTC"))
    with pytest.raises(InputError, match="fails its certificate: 1 gap"):
        load_revision(engine, back.iloc[1:], at=LATER)
    with pytest.raises(InputError, match="EPSG:4546, as the record"):
        plan_revision(engine, back.to_crs(3857), at=LATER)
    with pytest.raises(InputError, match="later instant"):
        plan_revision(engine, back, at=AT - pd.Timedelta(days=9))
    assert whole(engine) == still
    # a fault in the middle of the writing takes all of it back
    with transaction(engine) as cursor:
        cursor.execute("ALTER TABLE wanmi.unit_moves ADD CONSTRAINT planted CHECK (thing <> 'case') NOT VALID")
    try:
        with pytest.raises(Exception, match="planted"):
            load_revision(engine, back, at=LATER)
    finally:
        with transaction(engine) as cursor:
            cursor.execute("ALTER TABLE wanmi.unit_moves DROP CONSTRAINT planted")
    assert whole(engine) == still


def test_the_command_lists_and_loads(engine, database, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WANMI_DSN", database)
    back = units_at(engine, AT - pd.Timedelta(days=1))[["community", "geometry"]]
    back.to_file(tmp_path / "new.gpkg")
    words = ["grid", "revise", "--new", str(tmp_path / "new.gpkg"), "--at", "2026-08-02", "--json"]
    still = whole(engine)
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert not told["loaded"] and told["at"] == "2026-08-01T16:00:00+00:00" and whole(engine) == still
    listed = pd.read_csv(tmp_path / "new.cases.csv", dtype=str, keep_default_na=False)
    assert told["cases_move"] == len(listed) > 0 and set(listed["how"]) <= {"one heir", "place", "other place"}
    assert main([*words, "--load", "--out", str(tmp_path / "now.gpkg")]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["loaded"] and done["cases_moved"] == told["cases_move"] and whole(engine) != still
    assert done["components_moved"] == told["components_move"] > 0
    assert len(gpd.read_file(tmp_path / "now.gpkg")) == done["units"] + 3
    for more, line in (
        (["--old", "x.gpkg", "--load"], "leave --old out"),
        (["--old", "x.gpkg"], "--out"),
        (["--cases", "x.csv"], "those of the record are listed"),
        (["--time-zone", "Mars/Base"], "Mars/Base"),
        (["--at", "soon"], "--at"),
    ):
        assert main([*words[:4], *more]) == 2
        text = capsys.readouterr().err.strip()
        assert line in text and len(text.splitlines()) == 1


def test_patrol_areas_of_the_city_are_in_one_piece_and_alike_in_their_cases(
    engine, database, tmp_path, monkeypatch, capsys
):
    """The five areas of the demo city by workload; they load as areas."""
    monkeypatch.setenv("WANMI_DSN", database)
    out = tmp_path / "patrol.gpkg"
    assert main(["grid", "patrols", "--groups", "5", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    areas = gpd.read_file(out)
    answered = rows(engine, "SELECT count(*) AS n FROM wanmi.answers WHERE unit IS NOT NULL")["n"][0]
    assert told["work"] == areas["work"].sum() == answered > 1000
    assert told["in_several_pieces"] == 0 and (areas.geometry.count_geometries() == 1).all()
    assert np.abs(areas["work"] / areas["work"].mean() - 1).max() < 0.03
    units = units_at(engine, pd.Timestamp.now(tz="UTC"))
    assert areas["units"].sum() == len(units) and areas.area.sum() == pytest.approx(units.area.sum(), abs=0.01)
    shares = [told["least_share"], told["largest_share"]]
    assert shares == pytest.approx([0.2, 0.2], abs=0.006)
    assert main(["load", "areas", str(out), "--set", "patrol2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["inserted"] == 5


def test_a_revised_file_loads_with_its_issues(engine, database, tmp_path, monkeypatch, capsys):
    """`wanmi load units` takes what `wanmi grid revise` wrote: validity, kind and issue; it moves nothing."""
    monkeypatch.setenv("WANMI_DSN", database)
    shown = rows(engine, "SELECT code, kind, issue FROM wanmi.units_now ORDER BY 1")
    assert set(shown["issue"].dropna()) == {0, 2} and set(shown["kind"].dropna()) >= {"block", "part"}
    now = units_at(engine, pd.Timestamp.now(tz="UTC"))
    now.drop(columns="name").to_file(tmp_path / "old.gpkg")
    new = now.iloc[1:].assign(community=now["community"].iloc[1:])[["community", "geometry"]]
    new.to_file(tmp_path / "new.gpkg")
    files = {name: str(tmp_path / f"{name}.gpkg") for name in ("old", "new", "o")}
    words = ["--old", files["old"], "--new", files["new"], "--out", files["o"]]
    assert main(["grid", "revise", *words, "--at", "2026-09-01", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["retired"] == 1
    assert main(["load", "units", files["o"], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rejected"], told["inserted"]) == (0, 0) and told["read"] == len(now)
    assert main(["load", "units", files["o"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unchanged"] == len(now)
    after = rows(engine, "SELECT code, issue FROM wanmi.units_now ORDER BY 1")
    assert len(after) == len(now) - 1 and set(after["issue"].dropna()) == {0, 2}
