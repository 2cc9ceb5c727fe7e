"""``GET /v1/hotspots``: where cases gather, as GeoJSON."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from api.gathering import MOST_FEATURES, Way, gather, geojson
from api.hotspots import Selection
from api.routes.maps import Atlas, atlas_of, selection_of
from gis.hotspots import KERNELS, permutation

router = APIRouter(tags=["statistics"])


def way_of(
    selection: Annotated[Selection, Depends(selection_of)],
    method: Annotated[str, Query(max_length=20, description="gi, moran, kde or clusters")] = "gi",
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
    )


@router.get("/v1/hotspots", summary="Where cases gather, GeoJSON", response_class=Response)
def hotspots(
    atlas: Annotated[Atlas, Depends(atlas_of)],
    selection: Annotated[Selection, Depends(selection_of)],
    way: Annotated[Way, Depends(way_of)],
    hot: Annotated[bool, Query(description="only cells that stand out")] = False,
) -> Response:
    """Cells with Gi* or local Moran, a density, or clusters; with the parameters and what was counted."""
    found, _ = atlas.look(selection)
    answer = gather(atlas.service.engine, atlas.book, found, way, most=MOST_FEATURES, hot_only=hot)
    return Response(geojson(answer, found.city.srid), media_type="application/geo+json")
