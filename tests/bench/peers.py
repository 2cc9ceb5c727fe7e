"""The peers of the locate benchmark: which unit, community and zone of its class group covers each case.

Every peer gets the same whole millimetres, counted from the city's corner: double precision holds all their cross
products, so that a border is a border for everyone. Polygons are numbered in the order of precedence, and the lowest
number that covers a case is the answer. Zones are asked for group by group, which is the fastest way for each peer.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import psycopg2
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from gis import exact
from tests.bench import city

LAYERS = ("community", "unit", "zone")


Answer = dict[str, NDArray[np.int64]]


class Part(NamedTuple):
    """One join of a question."""

    layer: str
    shapes: NDArray[np.object_]
    numbers: NDArray[np.int64]
    points: NDArray[np.object_]
    cases: NDArray[np.int64]


@dataclass(frozen=True)
class Question:
    """Polygons by layer, cases, and the class group of zones and cases (position in `city.GROUPS`); millimetres."""

    polygons: dict[str, NDArray[np.object_]]
    zone_group: NDArray[np.int64]
    points: NDArray[np.object_]
    case_group: NDArray[np.int64]

    def parts(self) -> Iterator[Part]:
        """What is joined with what: the layer, its polygons and their numbers, the cases and theirs."""
        every = np.arange(len(self.points))
        for name in ("community", "unit"):
            yield Part(name, self.polygons[name], np.arange(len(self.polygons[name])), self.points, every)
        for k in range(len(city.GROUPS)):
            zones, cases = np.flatnonzero(self.zone_group == k), np.flatnonzero(self.case_group == k)
            yield Part("zone", self.polygons["zone"][zones], zones, self.points[cases], cases)

    def gathered(self, found: Iterable[tuple[Part, Any, Any]]) -> Answer:
        """Lowest polygon of each case by layer, -1 for none, from (part, its cases, its polygons) of the pairs."""
        most = np.iinfo(np.int64).max
        out = {name: np.full(len(self.points), most) for name in LAYERS}
        for part, case, polygon in found:
            np.minimum.at(out[part.layer], part.cases[np.asarray(case)], part.numbers[np.asarray(polygon)])
        return {name: np.where(column == most, -1, column) for name, column in out.items()}

    def first(self, n: int) -> Question:
        """The same with the first cases only."""
        return Question(self.polygons, self.zone_group, self.points[:n], self.case_group[:n])


def question(made: city.Made, snapshot: Any, n: int) -> Question:
    """What is asked of everyone, for the first n cases."""
    area = made.frames["areas"]
    area = area[area["set"] == "community"].sort_values("code")
    unit = made.frames["units"].sort_values("code")
    zone = made.frames["zones"].set_index("code").loc[list(snapshot.codes("zones.code")[:-1])]
    shapes = {
        "community": area.geometry.to_numpy(),
        "unit": unit.geometry.to_numpy(),
        "zone": exact.footprint(zone.geometry.to_numpy(), zone["width_m"]),
    }
    corner = np.array([city.WEST, city.SOUTH]) * 1000
    millimetres = {k: shapely.transform(v, lambda xy: exact.millimetres(xy) - corner) for k, v in shapes.items()}
    group = {name: i for i, name in enumerate(city.GROUPS)}
    asked = made.cases.head(n)
    points = exact.millimetres(asked[["x", "y"]].to_numpy()) - corner
    of_case = asked["class"].map(lambda text: next((i for name, i in group.items() if text.startswith(name)), -1))
    return Question(
        millimetres, zone["classes"].map(group).to_numpy(), shapely.points(points.astype(float)), of_case.to_numpy()
    )


def strtree(asked: Question) -> Callable[[], Answer]:
    """shapely's STRtree, built once over the polygons; over the points for zones, whose polygons it then prepares."""
    parts = list(asked.parts())
    trees = [shapely.STRtree(part.shapes) for part in parts]

    def pairs() -> Iterator[tuple[Part, Any, Any]]:
        for part, tree in zip(parts, trees, strict=True):
            if part.layer == "zone":
                polygon, case = shapely.STRtree(part.points).query(part.shapes, predicate="covers")
            else:
                case, polygon = tree.query(part.points, predicate="covered_by")
            yield part, case, polygon

    return lambda: asked.gathered(pairs())


def geopandas_sjoin(asked: Question) -> Callable[[], Answer]:
    """geopandas.sjoin from the polygons, which are prepared then."""
    parts = list(asked.parts())
    frames = [[gpd.GeoDataFrame(geometry=v) for v in (part.shapes, part.points)] for part in parts]

    def pairs() -> Iterator[tuple[Part, Any, Any]]:
        for part, (polygons, points) in zip(parts, frames, strict=True):
            hit = gpd.sjoin(polygons, points, predicate="covers")
            yield part, hit["index_right"], hit.index

    return lambda: asked.gathered(pairs())


def sedona(asked: Question) -> Callable[[], Answer]:
    """SedonaDB, its tables in memory; it makes its index anew in each query."""
    import sedonadb

    session = sedonadb.connect()
    parts = list(asked.parts())
    for k, part in enumerate(parts):
        for name, shapes in ((f"points{k}", part.points), (f"polygons{k}", part.shapes)):
            frame = gpd.GeoDataFrame({"number": np.arange(len(shapes))}, geometry=shapes)
            session.create_data_frame(frame).to_view(name)

    def pairs() -> Iterator[tuple[Part, Any, Any]]:
        for k, part in enumerate(parts):
            query = f"SELECT p.number AS c, q.number AS q FROM points{k} p JOIN polygons{k} q"
            hit = pa.table(session.sql(f"{query} ON ST_Covers(q.geometry, p.geometry)"))
            yield part, hit["c"], hit["q"]

    return lambda: asked.gathered(pairs())


def duck(asked: Question) -> Callable[[], Answer]:
    """DuckDB with its spatial extension, which the package index has, so that nothing is fetched here."""
    import duckdb
    import duckdb_extension_spatial

    file = next(Path(duckdb_extension_spatial.__file__).parent.rglob("*.duckdb_extension"))
    link = duckdb.connect(config={"allow_unsigned_extensions": "true", "threads": "2"})
    link.execute(f"LOAD '{file}'")
    parts = list(asked.parts())
    for k, part in enumerate(parts):
        for name, shapes in ((f"points{k}", part.points), (f"polygons{k}", part.shapes)):
            link.register("frame", pd.DataFrame({"number": np.arange(len(shapes)), "wkb": shapely.to_wkb(shapes)}))
            link.execute(f"CREATE TABLE {name} AS SELECT number, ST_GeomFromWKB(wkb) AS geometry FROM frame")

    def pairs() -> Iterator[tuple[Part, Any, Any]]:
        for k, part in enumerate(parts):
            query = f"SELECT p.number AS c, q.number AS q FROM points{k} p JOIN polygons{k} q"
            hit = link.execute(f"{query} ON ST_Covers(q.geometry, p.geometry)").fetchnumpy()
            yield part, hit["c"], hit["q"]

    return lambda: asked.gathered(pairs())


def postgis(asked: Question, dsn: str) -> Callable[[], Answer]:
    """PostGIS, driven from the polygons, which is several times faster than from the points."""
    link = psycopg2.connect(dsn)
    link.autocommit = True
    parts = list(asked.parts())
    with link.cursor() as cursor:
        for k, part in enumerate(parts):
            for name, shapes in ((f"points{k}", part.points), (f"polygons{k}", part.shapes)):
                cursor.execute(f"CREATE TABLE {name} (number int, geometry geometry)")
                body = pd.DataFrame({"n": np.arange(len(shapes)), "w": shapely.to_wkb(shapes, hex=True)})
                text = io.StringIO(body.to_csv(index=False, header=False))
                cursor.copy_expert(f"COPY {name} FROM STDIN (FORMAT csv)", text)
                cursor.execute(f"CREATE INDEX ON {name} USING gist (geometry)")
                cursor.execute(f"VACUUM ANALYZE {name}")

    def pairs() -> Iterator[tuple[Part, Any, Any]]:
        with link.cursor() as cursor:
            for k, part in enumerate(parts):
                cursor.execute(
                    f"SELECT h.number, q.number FROM polygons{k} q, LATERAL "
                    f"(SELECT p.number FROM points{k} p WHERE ST_Covers(q.geometry, p.geometry) OFFSET 0) h"
                )
                hit = np.array(cursor.fetchall(), dtype=np.int64).reshape(-1, 2)
                yield part, hit[:, 0], hit[:, 1]

    return lambda: asked.gathered(pairs())
