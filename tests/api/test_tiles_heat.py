"""Heat tiles: their counts are the record's under any filter, their density the statistics', their marks exact."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sqlalchemy import Engine, text

from api.app import create_app
from api.atlas import Atlas
from api.held.chosen import Filter
from api.held.columns import Columns
from api.pages import heat as ramp
from api.pages.mercator import HALF_M, city_grid, from_lonlat, tile_box
from api.statistics.filtering import wanted
from api.statistics.selection import Selection, Units, cell_of
from api.tiles.heat import Heat
from api.tiles.told import Told
from gis import counts, postgis, store
from gis.batch.record import assign_record
from gis.crs import to_lonlat
from gis.demo import Demo
from gis.snapshot import Snapshot
from gis.store.engine import transaction
from tests.api.conftest import ORDER, open_atlas, serving, settings
from tests.conftest import database_name

PLACED = "c.geom IS NOT NULL AND a.rule NOT IN ('no_location', 'outside')"


@pytest.fixture(scope="module")
def record(cluster: postgis.Cluster, small_demo: Demo) -> Iterator[Engine]:
    """A demo city of this module's own, whose cases it may change."""
    name = database_name("tiles_heat")
    engine = store.connect(postgis.ensure_database(name))
    store.create_city(engine, small_demo.city)
    for layer in (*ORDER, "rivers", "cases"):
        store.load(engine, layer, small_demo.layers[layer])
    assign_record(engine, Snapshot.compile(small_demo.city, store.city_frames(engine)))
    yield engine
    engine.dispose()
    postgis.drop_database(name)


@pytest.fixture(scope="module")
def atlas(record: Engine) -> Iterator[Atlas]:
    with open_atlas(record) as made:
        yield made


def web(engine: Engine, taken, where: str = "true") -> tuple[np.ndarray, np.ndarray]:
    """Places of cases in Web Mercator, by PostGIS; the condition is plain SQL."""
    with engine.connect() as line:
        asked = (
            "SELECT ST_X(p), ST_Y(p) FROM (SELECT ST_Transform(c.geom, 3857) AS p FROM wanmi.cases c "
            f"JOIN wanmi.answers a ON a.case_id = c.id WHERE {PLACED} AND ({where})) q"
        )
        rows = np.array(line.execute(text(asked), taken).all(), dtype=float).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]


def random_filter(rng: np.random.Generator, engine: Engine, known: dict[str, list[str]]) -> tuple[dict, str, dict]:
    """A selection's fields, the same as plain SQL, and its values."""
    fields, where, values = {}, ["true"], {}
    if rng.random() < 0.5:
        fields["classes"] = item = str(rng.choice(known["class"]))
        values["like"] = item[5:] + "%" if ":" in item else item + "%"
        values["edition"] = item[:4] if ":" in item else "%"
        where.append("c.edition LIKE :edition AND c.kind || c.class_code LIKE :like")
    if rng.random() < 0.4:
        some = rng.choice(known["department"], size=int(rng.integers(1, 4)), replace=False).tolist()
        fields["departments"], values["departments"] = ",".join(some), some
        where.append("a.department = ANY (:departments)")
    if rng.random() < 0.4:
        some = rng.choice(known["channel"], size=int(rng.integers(1, 3)), replace=False).tolist()
        fields["channels"], values["channels"] = " ".join(some), some
        where.append("c.channel = ANY (:channels)")
    if rng.random() < 0.5:
        first = pd.Timestamp("2025-07-01", tz="UTC") + pd.Timedelta(int(rng.integers(0, 400)), "D")
        fields["begin"], values["begin"] = first, first.to_pydatetime()
        where.append("c.reported_at >= :begin")
        if rng.random() < 0.7:
            last = first + pd.Timedelta(int(rng.integers(1, 120 * 86_400)), "s")
            fields["end"], values["end"] = last, last.to_pydatetime()
            where.append("c.reported_at < :end")
    if rng.random() < 0.3:
        code, sign = str(rng.choice(known["community"])), "-" if rng.random() < 0.5 else ""
        fields["area"], values["code"] = f"{sign}community:{code}", code
        inside = "EXISTS (SELECT FROM wanmi.areas_now w WHERE w.set = 'community' AND w.code = :code "
        where.append(f"{'NOT ' if sign else ''}{inside} AND ST_Intersects(w.geom, c.geom))")
    return fields, " AND ".join(where), values


@pytest.fixture(scope="module")
def known(record: Engine) -> dict[str, list[str]]:
    with record.connect() as line:

        def of(asked: str) -> list[str]:
            return list(line.execute(text(asked)).scalars())

        return {
            "class": of(
                "SELECT DISTINCT '2026:' || kind || left(class_code, 2) FROM wanmi.cases WHERE edition = '2026'"
            )
            + ["C", "E"],
            "department": of("SELECT DISTINCT department FROM wanmi.answers WHERE department <> ''"),
            "channel": of("SELECT DISTINCT channel FROM wanmi.cases WHERE channel <> ''"),
            "community": of("SELECT code FROM wanmi.areas_now WHERE set = 'community'"),
        }


def check_filters(atlas: Atlas, record: Engine, known: dict[str, list[str]], times: int, seed: int) -> int:
    """Counts of random tiles under random filters, and their sum, beside plain SQL; how many cases there were."""
    rng, seen = np.random.default_rng(seed), 0
    book, city = atlas.book, atlas.city
    for _ in range(times):
        fields, where, values = random_filter(rng, record, known)
        selection = Selection(**fields)
        heat = atlas.heat(selection)
        if "classes" in fields:  # the classes of 2013 that became these belong to them
            values["texts"] = list(wanted(record, book, selection, city.edition).classes)
            where = where.replace(
                "c.edition LIKE :edition AND c.kind || c.class_code LIKE :like",
                "c.edition || ':' || c.kind || c.class_code = ANY (:texts)",
            )
            del values["like"], values["edition"]
        x, y = web(record, values, where)
        z = int(rng.integers(0, 19))
        size = 2 * HALF_M / 2**z
        column, row = np.floor((x + HALF_M) / size).astype(int), np.floor((HALF_M - y) / size).astype(int)
        right: dict[tuple[int, int], int] = {}
        for tile in zip(column.tolist(), row.tolist(), strict=True):
            right[tile] = right.get(tile, 0) + 1
        told = {tile: heat.count(z, *tile) for tile in right}
        assert sum(told.values()) == len(x) == len(heat), (fields, z)
        assert sum(abs(told[t] - n) for t, n in right.items()) <= 2, (
            fields,
            z,
        )  # a case within a centimetre of an edge
        seen += len(x)
    return seen


def test_counts_under_random_filters_are_those_of_plain_sql(atlas: Atlas, record: Engine, known):
    assert check_filters(atlas, record, known, 40, 11) > 1000


@pytest.mark.long
def test_counts_under_a_thousand_random_filters(atlas: Atlas, record: Engine, known):
    assert check_filters(atlas, record, known, 1000, 12) > 100_000


@pytest.mark.parametrize("bandwidth_m", [50.0, 80.0, 400.0])
@pytest.mark.parametrize("classes", ["", "2026:E06", "C"])
def test_the_density_is_that_of_the_statistics(atlas: Atlas, bandwidth_m: float, classes: str):
    selection = Selection(classes=classes, bandwidth_m=bandwidth_m)
    found, _ = atlas.look(selection)
    mine, right = atlas.heat(selection).grid, found.grid
    assert (mine.west, mine.south, mine.cell_m, mine.values.shape) == (
        right.west, right.south, right.cell_m, right.values.shape,
    )  # fmt: skip
    assert np.abs(mine.values - right.values).max() <= 3e-6 * right.values.max()
    assert mine.left_out == right.left_out
    assert atlas.heat(selection).top == ramp.top_density(right)


def test_a_picture_is_the_density_in_the_ramps_colours(atlas: Atlas):
    selection = Selection()
    heat, found = atlas.heat(selection), atlas.look(selection)[0]
    tile = (14, *densest(heat, 14))
    picture = np.asarray(Image.open(io.BytesIO(heat.tile(*tile).png)).convert("RGBA")).astype(int)
    x, y = city_grid(tile_box(*tile), (256, 256), atlas.city.srid)
    right = ramp.colours(found.grid.at(x, y) / heat.top).astype(int)
    assert picture[..., 3].max() > 150
    assert np.abs(picture - right).max() <= 4  # 256 steps of colour


def densest(heat: Heat, z: int) -> tuple[int, int]:
    """The tile with most cases."""
    column, row = heat._wx >> np.uint32(32 - z), heat._wy >> np.uint32(32 - z)
    both, n = np.unique(np.column_stack([column, row]), axis=0, return_counts=True)
    x, y = both[n.argmax()]
    return int(x), int(y)


def test_far_out_a_pixel_is_the_mean_of_its_cells(atlas: Atlas):
    heat = atlas.heat(Selection())
    x, y = densest(heat, 9)
    factor = heat._factor(9, tile_box(9, x, y))
    assert factor >= 4
    pooled, grid = heat._pool(factor), heat.grid
    rows, columns = (n // factor * factor for n in grid.values.shape)
    means = grid.values[:rows, :columns].reshape(rows // factor, factor, columns // factor, factor).mean(axis=(1, 3))
    assert np.allclose(pooled[: rows // factor, : columns // factor], means, rtol=1e-4, atol=1e-6)
    shown = np.asarray(Image.open(io.BytesIO(heat.tile(9, x, y).png)).convert("RGBA"))
    assert shown[..., 3].any()


# ---------------------------------------------------------------- in step with the record


def tiles_over(atlas: Atlas, z: int) -> list[tuple[int, int, int]]:
    west, south, east, north = atlas.units().bounds
    x, y = from_lonlat(*to_lonlat([west, east], [south, north], atlas.city.srid))
    size = 2 * HALF_M / 2**z
    columns = range(int((x[0] + HALF_M) // size), int((x[1] + HALF_M) // size) + 1)
    rows = range(int((HALF_M - y[1]) // size), int((HALF_M - y[0]) // size) + 1)
    return [(z, c, r) for c in columns for r in rows]


ID = "(SELECT c.id FROM wanmi.cases c JOIN wanmi.answers a ON a.case_id = c.id WHERE a.rule <> 'outside' "
ID += "AND c.geom IS NOT NULL ORDER BY md5(c.id || '{k}') LIMIT {n})"
EDITS = (
    "UPDATE wanmi.cases SET geom = ST_Translate(geom, {dx}, {dy}) WHERE id IN " + ID,
    "DELETE FROM wanmi.cases WHERE id IN " + ID,
    "UPDATE wanmi.cases SET kind = 'E', class_code = '06010', edition = '2026' WHERE id IN " + ID,
    "UPDATE wanmi.answers SET rule = 'outside' WHERE case_id IN " + ID,
    "UPDATE wanmi.answers SET department = (SELECT min(department) FROM wanmi.answers) WHERE case_id IN " + ID,
    "UPDATE wanmi.cases SET address = 'elsewhere' WHERE id IN " + ID,
    "INSERT INTO wanmi.cases (id, edition, kind, class_code, geom, channel, reported_at) "
    "SELECT id || '-{k}', edition, kind, class_code, ST_Translate(geom, {dx}, {dy}), 'hotline', now() "
    "FROM wanmi.cases WHERE id IN "
    + ID
    + "; INSERT INTO wanmi.answers (case_id, snapshot, at, unit, areas, department, "
    "rule, on_edge, ask_first) SELECT c.id, a.snapshot, a.at, a.unit, a.areas, a.department, a.rule, a.on_edge, "
    "a.ask_first FROM wanmi.cases c JOIN wanmi.answers a ON c.id = a.case_id || '-{k}'",
)


def check_edits(atlas: Atlas, record: Engine, times: int, seed: int) -> tuple[int, int]:
    """Marks of all tiles of some zooms before and after random edits, beside tiles drawn from a fresh reading."""
    rng = np.random.default_rng(seed)
    selections = [Selection(), Selection(classes="2026:E06"), Selection(channels="hotline")]
    tiles = [tile for z in (9, 12, 14) for tile in tiles_over(atlas, z)]

    def brute() -> dict[tuple, tuple[bytes, int]]:
        state = Columns(record, atlas.city).state
        units = Units(record, atlas.city)
        out = {}
        for k, selection in enumerate(selections):
            taken = wanted(record, counts.class_book(record), selection, atlas.city.edition)
            smoother = units.smoother(units_bounds(units), "gaussian", 80.0, cell_of(80.0))
            fresh = Heat(smoother, Filter(taken), state, atlas.city.srid)
            out |= {(k, *tile): (fresh.tile(*tile).png, fresh.count(*tile)) for tile in tiles}
        return out

    def ours() -> dict[tuple, tuple[str, bytes, int]]:
        out = {}
        for k, selection in enumerate(selections):
            heat = atlas.heat(selection)
            for tile in tiles:
                painted = heat.tile(*tile)
                out[(k, *tile)] = (painted.mark, painted.png, heat.count(*tile))
        return out

    before, right, moved = ours(), brute(), 0
    for k in range(times):
        edit = EDITS[rng.integers(len(EDITS))]
        dx, dy = rng.integers(-900, 900, 2)
        with transaction(record) as cursor:
            cursor.execute(edit.format(k=f"{seed}.{k}", n=int(rng.integers(1, 4)), dx=dx, dy=dy))
        after, anew = ours(), brute()
        for key, (mark, png, cases) in after.items():
            assert (mark != before[key][0]) == (anew[key][0] != right[key][0]), (k, edit, key)
            assert (png, cases) == anew[key], (k, edit, key)
            moved += mark != before[key][0]
        before, right = after, anew
    return moved, times * len(before)


def units_bounds(units: Units) -> tuple[float, float, float, float]:
    west, south, east, north = units.bounds
    return west - 500, south - 500, east + 500, north + 500


def test_random_edits_change_exactly_the_tiles_that_a_fresh_drawing_changes(atlas: Atlas, record: Engine):
    moved, looked = check_edits(atlas, record, 6, 3)
    assert 0 < moved < looked / 2


@pytest.mark.long
def test_many_random_edits_change_exactly_the_tiles_that_a_fresh_drawing_changes(atlas: Atlas, record: Engine):
    moved, looked = check_edits(atlas, record, 60, 4)
    assert 0 < moved < looked / 2


def test_many_changes_at_once_have_all_read_again(atlas: Atlas, record: Engine):
    before = atlas.columns.state.generation
    with transaction(record) as cursor:
        cursor.execute("UPDATE wanmi.cases SET address = 'all of them'")
    state = atlas.columns.state
    assert state.generation == before + 1 and not state.changes and not len(state.tail)
    assert len(atlas.heat(Selection())) == len(counts.case_places(record))


def test_a_transaction_that_ends_late_is_not_missed(atlas: Atlas, record: Engine):
    late, early = record.raw_connection(), record.raw_connection()
    move = "UPDATE wanmi.cases SET geom = ST_Translate(geom, 40, 40) WHERE id = (" + ID.format(k="x", n=1)[1:-1] + ")"
    late.cursor().execute(move)
    early.cursor().execute(move.replace("'x'", "'y'"))
    early.commit()
    first = len(atlas.columns.state.changes)
    late.commit()
    assert len(atlas.columns.state.changes) == first + 1
    late.close(), early.close()
    fresh = Columns(record, atlas.city).state
    assert sorted(fresh.base.wx) == sorted(
        np.concatenate([atlas.columns.state.base.wx[atlas.columns.state.alive], atlas.columns.state.tail.wx])
    )


def test_the_database_away_leaves_what_is_in_memory(atlas: Atlas, record: Engine, monkeypatch):
    heat = atlas.heat(Selection())
    tile = (13, *densest(heat, 13))
    here = heat.tile(*tile)
    gone = store.connect("postgresql:///nowhere?host=/nowhere&user=wanmi")
    monkeypatch.setattr(atlas.service, "_engine", gone)
    again = atlas.heat(Selection())
    assert again.tile(*tile).mark == here.mark and again.count(*tile) == heat.count(*tile)
    assert len(atlas.heat(Selection(channels="hotline"))) > 0  # another filter, of what is in memory
    monkeypatch.undo()
    atlas.columns._asked = -1e9
    gone.dispose()


def test_few_bytes_a_case(atlas: Atlas):
    state = atlas.columns.state
    assert state.nbytes / (len(state.base) + len(state.tail) + len(state.apart)) <= 48


def test_selections_that_differ_draw_from_densities_of_their_own(atlas: Atlas):
    one, other = Selection(), replace(Selection(), bandwidth_m=200.0)
    assert atlas.heat(one) is atlas.heat(one) and atlas.heat(one) is not atlas.heat(other)


def test_a_tile_asked_again_is_told_at_once_and_not_past_a_change(
    atlas: Atlas, record: Engine, monkeypatch: pytest.MonkeyPatch
):
    """Right still: the framework's answer without the framework; after an edit what changed is drawn anew."""
    ways, usual, z = [], Told.still, 15
    monkeypatch.setattr(Told, "still", lambda *asked: ways.append(usual(*asked)) or ways[-1])
    x, y = densest(atlas.heat(Selection()), z)
    paths = [
        f"/tiles/heat/{z}/{x}/{y}.png?class=E&v=3",
        f"/tiles/heat/{z}/{x}/{y}.json",
        f"/tiles/units/{z}/{x}/{y}.mvt",
    ]
    west, south, east, north = tile_box(z, x, y)
    move = (
        "UPDATE wanmi.cases c SET geom = ST_Transform(ST_SetSRID(ST_MakePoint(:x, :y), 3857), :srid) "
        "WHERE id IN (SELECT case_id FROM wanmi.answers WHERE unit <> '' ORDER BY md5(case_id)) AND kind = 'E' "
        "AND NOT ST_DWithin(geom, ST_Transform(ST_SetSRID(ST_MakePoint(:x, :y), 3857), :srid), 2000)"
    )
    app = create_app(settings(record.url.render_as_string(hide_password=False), follow=False))
    with serving(app) as served:
        for path in paths:
            mark = served.client.get(path).headers["etag"]
            plain = {"if-none-match": mark}
            asked = [plain, {"if-none-match": f"W/{mark}"}, plain | {"content-length": "0"}]
            end = time.monotonic() + 20
            while len(ways) != 2 or not all(ways):  # a look at the record falls due every quarter of a second
                assert time.monotonic() < end, ways
                served.client.get(path)
                ways.clear()
                said = [served.client.get(path, headers=headers) for headers in asked]
            told = [{k: v for k, v in one.headers.items() if k != "date"} for one in said]
            assert [one.status_code for one in said] == [304] * 3 and told[0] == told[1] == told[2], told
            other = served.client.get(path, headers={"if-none-match": '"other"'})
            assert other.status_code == 200 and other.content
        marks = {path: served.client.get(path).headers["etag"] for path in paths}
        with record.begin() as line:
            values = {"x": (west + east) / 2, "y": (south + north) / 2, "srid": atlas.city.srid}
            assert line.execute(text(move), values).rowcount
        time.sleep(0.3)
        after = [served.client.get(path, headers={"if-none-match": mark}).status_code for path, mark in marks.items()]
    assert after == [200, 200, 304]
