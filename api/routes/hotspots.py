"""``GET /v1/hotspots``: where cases gather, as GeoJSON, GeoParquet or CSV."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends, Query, Request, Response

from api.atlas import Atlas, atlas_of, selection_of
from api.routes.patience import patiently
from api.statistics import published
from api.statistics.exports import FORMATS, written
from api.statistics.exposing import Exposing, measures_file
from api.statistics.gathered import Gathering
from api.statistics.gathering import MOST_FEATURES, check_hot, gather
from api.statistics.in_time import METHODS as IN_TIME
from api.statistics.published import release_file
from api.statistics.selection import Look, Selection, other_period
from api.statistics.spots import METHODS as JOINED
from api.statistics.spots import join_spots
from api.statistics.way import Way
from gis.hotspots import KERNELS, permutation
from gis.publishing import read_release
from grids.errors import InputError, NotFound

MOST_RUNS = 999
"""Most runs of a scan or Knox over HTTP."""
router = APIRouter(tags=["statistics"])


@dataclass(frozen=True)
class Question:
    """A question about hotspots: which cases, how, against what."""

    selection: Selection
    way: Way
    exposing: Exposing | None
    versus: tuple[str, str]

    def answer(
        self, atlas: Atlas, *, stability: bool = False, most: int | None = MOST_FEATURES
    ) -> tuple[Look, Gathering]:
        """What was found, all cells; kept, so that the same question is answered once."""
        found, version = atlas.look(self.selection)
        earlier = other_period(found, *self.versus)
        options: dict[str, Any] = {"earlier": earlier, "exposing": self.exposing, "stability": stability, "most": most}

        def make() -> Gathering:
            return gather(atlas.service.engine, atlas.book, found, self.way, **options)

        return found, atlas.keep(
            ("gathered", version, repr((self.way, self.exposing, self.versus, stability, most))), make, most=12
        )

    def published(self, atlas: Atlas, said: Mapping[str, str], k: int | None) -> Gathering:
        """What a release tells of it; the release is read again when its file changes.

        Raises
        ------
        InputError
            What no release tells: other filters, another instant, another `k` than the release's.
        NotFound
            There is no release.
        """
        if self.exposing or self.selection.said() or pd.notna(self.selection.known_at):
            right = "leave out known_at, exposure and other filters"
            raise InputError("published figures are cells by class and months", where="publish", right=right)
        path = release_file(atlas.service.settings)
        if not path.is_file():  # where it would be is nobody's business
            raise NotFound("nothing has been published yet", where="publish", right="wanmi release publishes")
        mark = path.stat().st_mtime_ns
        release = atlas.keep(("release", mark), lambda: read_release(path), most=1)
        if k is not None and k != release.k:
            right = f"{release.k}, or leave it out: two releases with another k could be held against each other"
            raise InputError(f"{k} is not the k of this release", where="k", right=right)
        periods = (said.get("from", ""), said.get("to", ""), *self.versus)
        asked = published.Asked(self.selection.classes, *periods)
        key = ("published", mark, repr((self.way, asked)))
        return atlas.keep(key, lambda: published.answer(release, self.way, asked), most=8)

    def spots(self, atlas: Atlas, *, stability: bool = False) -> tuple[Look, Gathering]:
        """The hotspots: cells that stand out and touch, joined; kept."""
        if self.way.method not in JOINED:
            raise InputError(f"{self.way.method} has no hotspots", where="method", right="take " + ", ".join(JOINED))
        found, cells = self.answer(atlas, stability=stability)
        _, version = atlas.look(self.selection)
        key = ("spots", version, repr((self.way, self.exposing, self.versus, stability)))
        return found, atlas.keep(key, lambda: join_spots(cells, found.city.srid), most=24)


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
    """How to ask, by a query; a dependency of the routes."""
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


def question_of(
    atlas: Annotated[Atlas, Depends(atlas_of)],
    selection: Annotated[Selection, Depends(selection_of)],
    way: Annotated[Way, Depends(way_of)],
    versus_from: Annotated[
        str, Query(max_length=40, description="of compare: begin of the earlier period; the one before by default")
    ] = "",
    versus_to: Annotated[str, Query(max_length=40, description="of compare: its end, excluded")] = "",
    exposure: Annotated[
        str,
        Query(
            max_length=60,
            description="of gi, moran, rates: components, roads, cases, ground, or a measure (population, patrols); "
            "without one gi and moran are of cases per hectare",
        ),
    ] = "",
    rates: Annotated[
        str, Query(max_length=20, description="which cases are set against it: all, found, reported, filed or both")
    ] = "",
    smooth: Annotated[
        str,
        Query(
            max_length=20,
            description="of rates: towards all (global), neighbours (local), or what the ground tells (ground)",
        ),
    ] = "",
) -> Question:
    """The whole question, by a query; a dependency of the routes."""
    file = measures_file(atlas.service.settings)
    exposing = Exposing.read(way.method, exposure=exposure, rates=rates, smooth=smooth, file=file)
    if way.method in IN_TIME and way.runs > MOST_RUNS:
        right = f"at most {MOST_RUNS} here; the command line takes more"
        raise InputError(f"{way.runs}", where="runs", right=right)
    return Question(selection, way, exposing, (versus_from, versus_to))


@router.get("/v1/hotspots", summary="Where cases gather: GeoJSON, GeoParquet or CSV", response_class=Response)
async def hotspots(
    request: Request,
    atlas: Annotated[Atlas, Depends(atlas_of)],
    question: Annotated[Question, Depends(question_of)],
    hot: Annotated[bool, Query(description="only cells that stand out")] = False,
    joined: Annotated[
        bool,
        Query(description="hotspots instead of cells: those that stand out and touch are one, the strongest first"),
    ] = False,
    stability: Annotated[
        bool, Query(description="of gi, moran: in what share of other grids, cell sizes and bandwidths each is hot too")
    ] = False,
    form: Annotated[
        str, Query(alias="format", max_length=20, description=", ".join(FORMATS) + "; files, but for the first")
    ] = "geojson",
    publish: Annotated[
        bool, Query(description="only what may be told to anybody, from the release: gi, moran, kde, compare")
    ] = False,
    k: Annotated[
        int | None, Query(description="of publish: no cell with fewer cases is told; the release has it, no other is")
    ] = None,
) -> Response:
    """Cells, a density, or clusters by a method; with the parameters and what was counted."""
    how: dict[str, Any] = {
        "hot": hot,
        "joined": joined,
        "stability": stability,
        "form": form,
        "publish": publish,
        "k": k,
    }
    return await patiently(request, partial(_answer, atlas, question, request.query_params, **how))


def _answer(
    atlas: Atlas, question: Question, said: Mapping[str, str], *, hot: bool, joined: bool, stability: bool, form: str,
    publish: bool, k: int | None,
) -> Response:  # fmt: skip
    if hot:
        check_hot(question.way.method)
    if publish or atlas.service.settings.public:
        if joined or stability:
            what = "published figures are cells by class and months"
            raise InputError(what, where="publish", right="leave out joined and stability")
        answer, srid = question.published(atlas, said, k), atlas.service.snapshot.city.srid
        if hot and "hot" in answer.frame:
            frame = answer.frame[answer.frame["hot"]].reset_index(drop=True)
            answer = Gathering(frame, answer.parameters, answer.facts)
        return _file(answer, form, srid)
    if k is not None:
        raise InputError("only what is published has a least count", where="k", right="say publish=1 as well")
    if joined:
        found, answer = question.spots(atlas, stability=stability)
    else:
        found, answer = question.answer(atlas, stability=stability)
        if hot and "hot" in answer.frame:
            frame = answer.frame[answer.frame["hot"]].reset_index(drop=True)
            answer = Gathering(frame, answer.parameters, answer.facts)
    return _file(answer, form, found.city.srid)


def _file(answer: Gathering, form: str, srid: int) -> Response:
    data = written(answer, form, srid)
    media, ending = FORMATS[form]
    headers = {} if form == "geojson" else {"content-disposition": f'attachment; filename="hotspots{ending}"'}
    return Response(data, media_type=media, headers=headers)
