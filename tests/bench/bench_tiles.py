"""Tiles: heat from ten million cases in memory, vector tiles of 100,000 units, and tiles that a browser has already.

Beside ours: for heat, the same picture from the same cases with numpy and scipy (a histogram of the tile and its
margin, a Gaussian filter); for units, PostGIS alone, without order, notice and mark.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from sqlalchemy import text

from api.app import create_app
from api.held import kernels
from api.held.chosen import Filter
from api.held.rows import PLACED, SOMEWHERE, State, places, rows_of
from api.pages import heat as ramp
from api.pages.mercator import HALF_M, city_grid, from_lonlat, tile_box
from api.tiles.heat import Heat
from api.tiles.vector import vector_tile
from gis import postgis, store
from gis.crs import to_lonlat
from gis.hotspots import Smoother
from gis.wanted import Wanted
from tests.api.conftest import serving, settings
from tests.bench import city
from tests.bench.paired import Row, heading
from tests.conftest import database_name

CASES = 10_000_000
TILES = 200
BANDWIDTH_M, CELL_M = 80.0, 25.0
FILTERS = 12


def state() -> State:
    """Ten million cases as `api.held` holds them: those of the made city five times, 30 m apart."""
    rng = np.random.default_rng(5)
    base = city.make(cases=CASES // 5).cases
    times = -(-CASES // len(base))
    x = np.tile(base["x"].to_numpy(), times)[:CASES] + rng.normal(0, 30, CASES)
    y = np.tile(base["y"].to_numpy(), times)[:CASES] + rng.normal(0, 30, CASES)
    klass = pd.Categorical(base["class"])
    found: dict[str, NDArray[Any]] = {
        "x": np.round(x * 1000).astype(np.int64),
        "y": np.round(y * 1000).astype(np.int64),
        "at": pd.Timestamp("2025-01-01").value // 1000 + rng.integers(0, 600 * 86_400, CASES) * 1_000_000,
        "number": rng.integers(-(2**63), 2**63 - 1, CASES),
        "klass": np.tile(klass.codes + 1, times)[:CASES],
        "department": rng.integers(1, 61, CASES),
        "channel": rng.integers(1, 7, CASES),
        "unit": np.zeros(CASES, dtype=np.int64),
        "flag": np.full(CASES, PLACED + SOMEWHERE),
    }
    origin = int(found["x"].min()), int(found["y"].min())
    rows = rows_of(found, origin, city.CITY.srid)
    rows = rows.take(np.argsort(kernels.morton(rows.wx, rows.wy), kind="stable"))
    texts = {
        "klass": {"": 0, **{str(t): k + 1 for k, t in enumerate(klass.categories)}},
        "department": {"": 0, **{f"d{k}": k for k in range(1, 61)}},
        "channel": {"": 0, **{name: k + 1 for k, name in enumerate(city.CHANNELS)}},
        "unit": {"": 0},
    }
    order, none = np.argsort(rows.number, kind="stable").astype(np.int32), rows.take(slice(0, 0))
    return State(1, origin, texts, rows, order, np.ones(CASES, np.bool_), none, none, (), "", 0)


def some_tiles(zooms: tuple[int, ...], count: int) -> list[tuple[int, int, int]]:
    """Tiles over the city at random, as many of each zoom."""
    rng = np.random.default_rng(9)
    low, high = np.array([city.WEST, city.SOUTH]), np.array([city.WEST, city.SOUTH]) + city.SIDE
    out = []
    for k in range(count):
        z = zooms[k % len(zooms)]
        (x,), (y,) = rng.uniform(low[0], high[0], 1), rng.uniform(low[1], high[1], 1)
        (mx,), (my,) = from_lonlat(*to_lonlat([x], [y], city.CITY.srid))
        size = 2 * HALF_M / 2**z
        out.append((z, int((mx + HALF_M) // size), int((HALF_M - my) // size)))
    return out


def each(works: list[Callable[[], Any]]) -> NDArray[np.float64]:
    """Seconds of each work."""
    spent = []
    for work in works:
        begin = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begin)
    return np.array(spent)


def row(what: str, spent: NDArray[np.float64], note: str = "") -> Row:
    """A row with the median and the 99th percentile."""
    told = f"p50 {np.median(spent) * 1e3:.2f} ms, p99 {np.quantile(spent, 0.99) * 1e3:.2f} ms"
    return what, len(spent), float(spent.sum()), f"{told} {note}".rstrip()


def run() -> Iterator[Row]:
    """Rows for ``make bench``."""
    yield from _heat()
    yield from _vector()


def _heat() -> list[Row]:
    cases = state()
    bounds = (city.WEST - 500, city.SOUTH - 500, city.WEST + city.SIDE + 500, city.SOUTH + city.SIDE + 500)
    rows, columns = (int(np.ceil((city.SIDE + 1000) / CELL_M)),) * 2
    inside = np.zeros((rows, columns), dtype=bool)
    inside[20:-20, 20:-20] = True
    smoother = Smoother(bounds, bandwidth_m=BANDWIDTH_M, cell_m=CELL_M, inside=inside)
    out = [
        heading(
            f"heat of {CASES / 1e6:.0f} million cases, z 10 to 16; {cases.nbytes / CASES:.0f} bytes a case in memory"
        )
    ]
    made: list[Heat] = []

    def one(wanted: Wanted) -> None:
        made.append(Heat(smoother, Filter(wanted), cases, city.CITY.srid))
        made[-1].tile(13, *some_tiles((13,), 1)[0][1:])

    one(Wanted())  # compiled
    made.clear()
    first = each([lambda: one(Wanted())])
    heat = made[0]
    tiles = some_tiles((10, 11, 12, 13, 14, 15, 16), TILES)
    out.append(row("a tile", each([lambda t=t: heat.tile(*t) for t in tiles])))
    out.append(row("  the first one of all", first))
    out.append(row("  painted already", each([lambda t=t: heat.tile(*t) for t in tiles])))
    out.append(row("its count", each([lambda t=t: heat.count(*t) for t in tiles])))
    kinds = sorted(cases.texts["klass"])[1:]
    rng = np.random.default_rng(3)
    wanted = []
    for _ in range(FILTERS):
        begin = pd.Timestamp("2025-01-01", tz="UTC") + pd.Timedelta(int(rng.integers(0, 500)), "D")
        group = str(rng.choice(kinds))[:8]
        some = tuple(k for k in kinds if k.startswith(group))
        wanted.append(Wanted(classes=some, begin=begin, end=begin + pd.Timedelta(90, "D")))
    fresh = each([lambda w=w: one(w) for w in wanted])
    own = made[1:]
    spent = each([lambda h=h, t=t: h.tile(*t) for h, t in zip(own * TILES, tiles, strict=False)])
    note = f"{np.mean([len(h) for h in own]):,.0f} cases each"
    out.append(row("a tile, by class and period", spent, note))
    out.append(row("  the first one of a filter", fresh, note))
    x, y = (v / 1000.0 for v in places(cases.base, cases.origin))
    some = [t for t in tiles if t[0] >= 13][:5]
    out.append(row("numpy and scipy, a tile", each([lambda t=t: _plainly(x, y, t, heat.top) for t in some])))
    return out


def _plainly(x: NDArray[np.float64], y: NDArray[np.float64], tile: tuple[int, int, int], top: float) -> bytes:
    gx, gy = city_grid(tile_box(*tile), (256, 256), city.CITY.srid)
    far = 6 * BANDWIDTH_M
    edges = [np.arange(v.min() - far, v.max() + far, CELL_M) for v in (gx, gy)]
    near = (x > edges[0][0]) & (x < edges[0][-1]) & (y > edges[1][0]) & (y < edges[1][-1])
    counts, _, _ = np.histogram2d(y[near], x[near], bins=[edges[1], edges[0]])
    smooth = ndimage.gaussian_filter(counts * 1e4 / CELL_M**2, BANDWIDTH_M / CELL_M, truncate=6)
    at = [(gy - edges[1][0]) / CELL_M - 0.5, (gx - edges[0][0]) / CELL_M - 0.5]
    return ramp.colours(ndimage.map_coordinates(smooth, at, order=1) / top).tobytes()


def _vector() -> list[Row]:
    postgis.up()
    name = database_name("bench_tiles")
    dsn = postgis.ensure_database(name)
    engine = store.connect(dsn)
    try:
        frames = city.make(cases=1000).frames
        store.create_city(engine, city.CITY)
        for layer in ("departments", "areas", "rules", "units"):
            store.load(engine, layer, frames[layer])
        with engine.connect() as line:
            line.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE wanmi.units"))
        out = [heading(f"vector tiles of {len(frames['units']):,} units")]
        for z, count in ((12, 20), (14, 60)):
            tiles = some_tiles((z,), count)
            vector_tile(engine, city.CITY, "units", *tiles[0]), _alone(engine, tiles[0])
            pairs = [
                (lambda t=t: vector_tile(engine, city.CITY, "units", *t), lambda t=t: _alone(engine, t)) for t in tiles
            ]
            spent = each([work for pair in pairs for work in pair])
            shown = np.mean([vector_tile(engine, city.CITY, "units", *t).shown for t in tiles[:5]])
            out.append(row(f"wanmi, z {z}", spent[0::2], f"{shown:,.0f} units a tile"))
            out.append(row(f"PostGIS alone, z {z}", spent[1::2]))
        return out + _served(dsn)
    finally:
        engine.dispose()
        postgis.drop_database(name)


def _alone(engine: Any, tile: tuple[int, int, int]) -> bytes:
    asked = (
        "SELECT ST_AsMVT(t, 'units', 4096, 'geom') FROM (SELECT code, name, community, area_m2, "
        "ST_AsMVTGeom(geom_web, ST_TileEnvelope(:z, :x, :y), 4096, 64) AS geom FROM wanmi.units "
        "WHERE geom_web && ST_TileEnvelope(:z, :x, :y, margin => 64 / 4096.0) AND replaced_at = 'infinity') t"
    )
    with engine.connect() as line:
        return bytes(line.execute(text(asked), dict(zip("zxy", tile, strict=True))).scalar_one())


def _served(dsn: str) -> list[Row]:
    """Over HTTP, on one connection, by the client of the standard library."""
    out = [heading("over HTTP, on one connection, client included: a tile that the browser has already (304)")]
    paths = [f"/tiles/units/{z}/{x}/{y}.mvt" for z, x, y in some_tiles((13,), 1)]
    paths += [f"/tiles/heat/{z}/{x}/{y}.png" for z, x, y in some_tiles((13,), 1)]
    with serving(create_app(settings(dsn)), dsn) as served:
        line = HTTPConnection(served.url.removeprefix("http://"), timeout=60)

        def ask(path: str, mark: str = "") -> HTTPResponse:
            line.request("GET", path, headers={"if-none-match": mark} if mark else {})
            answer = line.getresponse()
            answer.read()
            return answer

        for path in paths:
            mark = ask(path).headers["etag"]

            def again(path: str = path, mark: str = mark) -> None:
                assert ask(path, mark).status == 304

            again()
            out.append(row(path.split("/")[2], each([again] * 2000)))
        out.append(row("health, for the cost of a request", each([lambda: ask("/health")] * 500)))
        line.close()
    return out
