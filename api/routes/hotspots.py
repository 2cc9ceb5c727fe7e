"""``GET /v1/hotspots``: where cases gather, as GeoJSON."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from api.atlas import Atlas, atlas_of, selection_of
from api.statistics.exposing import Exposing, measures_file
from api.statistics.gathering import MOST_FEATURES, Way, gather, geojson
from api.statistics.in_time import METHODS as IN_TIME
from api.statistics.selection import Selection, other_period
from gis.hotspots import KERNELS, permutation
from grids.errors import InputError

MOST_RUNS = 999
"""Most runs of a scan or Knox over HTTP."""
router = APIRouter(tags=["statistics"])


def way_of(
    selection: Annotated[Selection, Depends(selection_of)],
    method: Annotated[
        str, Query(max_length=20, description="gi, moran, rates, kde, clusters, trend, compare, scan or knox")
    ] = "gi",
    cells: Annotated[
        str, Query(max_length=80, description="unit, area:SET, h3:N or plane; plane for kde and clusters")
    ] = "",
    p: Annotated[str, Query(max_length=20, description="of gi, moran: auto, analytic or permutation")] = "auto",
    runs: Annotated[int, Query(description="of the permutation, to begin with")] = permutation.RUNS,
    seed: Annotated[int, Query(description="of the permutation")] = 0,
    kernel: Annotated[str, Query(max_length=20, description=f"of kde: {', '.join(KERNELS)}")] = KERNELS[0],
    cell_m: Annotated[float | None, Query(description="side of the squares of the plane, metres")] = None,
    reach_m: Annotated[float, Query(description="of clusters: cases so near are neighbours, metres")] = 50.0,
    least: Annotated[int, Query(description="of clusters: so many neighbours make a core")] = 50,
    bin_days: Annotated[int, Query(description="of trend, scan: days of a bin of time")] = 7,
    back: Annotated[int, Query(description="of trend: bins before that count as near")] = 1,
    longest: Annotated[int, Query(description="of scan: bins of the longest cluster")] = 8,
    against: Annotated[str, Query(max_length=20, description="of compare: city (its growth) or length")] = "city",
) -> Way:
    """How to ask, by a query; a dependency of the route."""
    return Way.read(
        method=method,
        cells=cells or None,
        p=p,
        runs=runs,
        seed=seed,
        kernel=kernel,
        bandwidth_m=selection.bandwidth_m,
        cell_m=cell_m,
        reach_m=reach_m,
        least=least,
        bin_days=bin_days,
        back=back,
        longest=longest,
        against=against,
    )


@router.get("/v1/hotspots", summary="Where cases gather, GeoJSON", response_class=Response)
def hotspots(
    atlas: Annotated[Atlas, Depends(atlas_of)],
    selection: Annotated[Selection, Depends(selection_of)],
    way: Annotated[Way, Depends(way_of)],
    hot: Annotated[bool, Query(description="only cells that stand out")] = False,
    versus_from: Annotated[
        str, Query(max_length=40, description="of compare: begin of the earlier period; the one before by default")
    ] = "",
    versus_to: Annotated[str, Query(max_length=40, description="of compare: its end, excluded")] = "",
    exposure: Annotated[
        str,
        Query(
            max_length=60,
            description="of gi, moran, rates: components, roads, cases, ground, or a measure (population, patrols)",
        ),
    ] = "",
    rates: Annotated[
        str, Query(max_length=20, description="which cases are set against it: all, found, reported, filed or both")
    ] = "",
    stability: Annotated[
        bool, Query(description="of gi, moran: in what share of other grids, cell sizes and bandwidths each is hot too")
    ] = False,
    smooth: Annotated[
        str, Query(max_length=20, description="of rates: towards all (global) or neighbours (local)")
    ] = "",
) -> Response:
    """Cells, a density, or clusters by a method; with the parameters and what was counted."""
    exposing = Exposing.read(
        way.method, exposure=exposure, rates=rates, smooth=smooth, file=measures_file(atlas.service.settings)
    )
    found, _ = atlas.look(selection)
    if way.method in IN_TIME and way.runs > MOST_RUNS:
        right = f"at most {MOST_RUNS} here; the command line takes more"
        raise InputError(f"{way.runs}", where="runs", right=right)
    earlier = other_period(found, versus_from, versus_to)
    options: dict[str, Any] = {"hot_only": hot, "earlier": earlier, "exposing": exposing, "stability": stability}
    answer = gather(atlas.service.engine, atlas.book, found, way, most=MOST_FEATURES, **options)
    return Response(geojson(answer, found.city.srid), media_type="application/geo+json")
