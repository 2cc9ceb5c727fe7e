"""The hotspot page: density as a picture, units that stand out as outlines, and what the planner needs to read it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html import escape
from typing import Any

import folium
import numpy as np
import pandas as pd
import shapely

from api.pages import heat
from api.pages.frame import bar
from api.pages.map import Chrome, CityMap, Names, data_url, finish
from api.pages.mercator import from_lonlat, pixel_m
from api.pages.names import Name
from api.statistics.selection import LEVEL, Look
from gis.crs import to_lonlat

OUTLINE = "#00677d"
MOST_UNITS = 1500
"""Most outlines in a page; the strongest are shown."""
TESTS = {"analytic": "正态近似", "permutation": "置换检验"}
CREDIT = {"demo": "万米演示城市（虚构） · Wanmi demo city (invented)"}


@dataclass(frozen=True)
class Sources:
    """Where the page's pictures come from: addresses of ours, or pictures in the page (`boxes` in Mercator)."""

    base: str
    heat: str
    names: str | list[Name]
    box: tuple[float, float, float, float] | None = None
    groups: dict[str, str] = field(default_factory=dict)

    @property
    def standalone(self) -> bool:
        """Whether the page is a file that asks for nothing."""
        return self.box is not None


def page(look: Look, sources: Sources, *, nonce: str = "") -> str:
    """The page as HTML.

    Parameters
    ----------
    look
        What was found.
    sources
        Where pictures and names come from.
    nonce
        Lets the page's own scripts run under the service's content policy.
    """
    west, south, east, north = corners(look)
    city = CityMap(
        standalone=sources.standalone,
        location=((south + north) / 2, (west + east) / 2),
        zoom_start=13,
        zoom_snap=0.5,
        min_zoom=9,
        max_zoom=18,
        prefer_canvas=True,
    )
    credit = CREDIT.get(look.city.key, escape(look.city.name))
    _pictures(city, sources, credit)
    spots = folium.FeatureGroup("显著热点单元").add_to(city)
    for layer in outlines(look):
        layer.add_to(spots)
    Names(sources.names).add_to(city)
    Chrome().add_to(city)
    folium.LayerControl(position="topright", collapsed=False).add_to(city)
    city.fit_bounds([[south, west], [north, east]], padding_top_left=(280, 8), padding_bottom_right=(8, 8))
    title = f"{look.city.name} 案件热点"
    city.figure.title = f"{title} · 万米"
    city.add_html(header(look, title, sources) + panel(look, sources) + legend(look))
    return finish(city.figure.render(), nonce=nonce)


def corners(look: Look) -> tuple[float, float, float, float]:
    """West, south, east, north of the city's units in degrees."""
    west, south, east, north = look.bounds
    lon, lat = to_lonlat([west, east, west, east], [south, south, north, north], look.city.srid)
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def _pictures(city: CityMap, sources: Sources, credit: str) -> None:
    if sources.box is None:
        folium.TileLayer(sources.base, attr=credit, name="底图", max_native_zoom=18, max_zoom=18, control=False).add_to(
            city
        )
        folium.TileLayer(
            sources.heat, attr=credit, name="案件密度", overlay=True, max_native_zoom=17, max_zoom=18, opacity=0.9
        ).add_to(city)
        return
    west, south, east, north = sources.box
    bounds = [[south, west], [north, east]]
    folium.raster_layers.ImageOverlay(sources.base, bounds, name="底图", control=False, attribution=credit).add_to(city)
    folium.raster_layers.ImageOverlay(sources.heat, bounds, name="案件密度", zindex=2).add_to(city)


def outlines(look: Look) -> list[folium.GeoJson]:
    """Units that stand out: each with its figures, and one outline around those that touch."""
    hot = look.hot.head(MOST_UNITS)

    def degrees(xy: np.ndarray) -> np.ndarray:
        return np.column_stack(to_lonlat(xy[:, 0], xy[:, 1], look.city.srid)).round(6)

    def features(shapes: np.ndarray, properties: list[dict[str, Any]]) -> dict[str, Any]:
        texts = shapely.to_geojson(shapely.transform(shapely.simplify(shapes, 1.0), degrees))
        found = [
            {"type": "Feature", "properties": about, "geometry": json.loads(text)}
            for about, text in zip(properties, texts, strict=True)
        ]
        return {"type": "FeatureCollection", "features": found}

    cells = hot.geometry.to_numpy()
    together = shapely.get_parts(shapely.union_all(cells))
    about = [
        {"code": c, "cases": int(n), "z": f"{z:.2f}", "q": "< 0.001" if q < 0.001 else f"{q:.3f}"}
        for c, n, z, q in zip(hot["code"], hot["cases"], hot["z"], hot["q"], strict=True)
    ]
    fields = {"code": "单元网格", "cases": "案件数", "z": "Gi* z", "q": "q（错误发现率）"}
    tooltip = folium.GeoJsonTooltip(list(fields), list(fields.values()), class_name="spot", sticky=True)
    thin = {"color": OUTLINE, "weight": 0.7, "opacity": 0.45, "fillColor": OUTLINE, "fillOpacity": 0.04}
    thick = {"color": OUTLINE, "weight": 2.2, "opacity": 1, "fill": False}
    return [
        folium.GeoJson(
            features(together, [{} for _ in together]),
            style_function=lambda _: thick,
            interactive=False,
            smooth_factor=0.5,
        ),
        folium.GeoJson(
            features(cells, about),
            style_function=lambda _: thin,
            highlight_function=lambda _: {"weight": 2.5, "opacity": 1, "fillOpacity": 0.2},
            tooltip=tooltip if about else None,
            smooth_factor=0.5,
        ),
    ]


def header(look: Look, title: str, sources: Sources) -> str:
    """The bar on top."""
    sub = f"{selected(look, sources.groups)} · {period(look)}"
    return bar(title, sub, "/maps/hotspots", standalone=sources.standalone)


def selected(look: Look, groups: dict[str, str]) -> str:
    """The class filter in words."""
    text = look.selection.classes
    return groups.get(text, text) if text else "全部案件"


def period(look: Look) -> str:
    """The period in days of the city: as asked, else from the first to the last case."""
    zone, selection, places = look.city.time_zone, look.selection, look.places

    def day(stamp: pd.Timestamp) -> str:
        if pd.isna(stamp):
            return "…"
        local = stamp.tz_convert(zone)
        return local.strftime("%Y-%m-%d" if local == local.normalize() else "%Y-%m-%d %H:%M")

    first = selection.begin if pd.notna(selection.begin) else _whole_day(places.first, zone)
    # said as in the form: an end that was asked is excluded, the day of the last case is not
    if pd.notna(selection.end):
        return f"{day(first)} 至 {day(selection.end)}（不含）"
    last = _whole_day(places.last, zone)
    return f"{day(first)} 至 {day(last)}" + ("" if pd.isna(last) else "（含）")


def _whole_day(stamp: pd.Timestamp, zone: str) -> pd.Timestamp:
    return stamp if pd.isna(stamp) else stamp.tz_convert(zone).normalize()


def panel(look: Look, sources: Sources) -> str:
    """The form of filters and the counts."""
    places = look.places
    left_out = places.total - len(places)
    facts = [
        ("计入案件", f"{len(places):,} 件"),
        ("未计入", f"{left_out:,} 件"),
        ("单元网格", f"{len(look.units):,} 个"),
        ("显著热点", f"{len(look.hot):,} 个"),
    ]
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    why = (
        f"位置缺失、默认点或坐标系错误 {places.no_location:,}；城区外 {places.outside:,}；未分派 {places.unanswered:,}"
    )
    form = "" if sources.standalone else _form(look, sources.groups)
    heading = "统计" if sources.standalone else "筛选"
    return f'<aside class="panel card"><h2>{heading}</h2>{form}<dl title="{why}">{rows}</dl></aside>'


def _form(look: Look, groups: dict[str, str]) -> str:
    selection, zone = look.selection, look.city.time_zone

    def day(stamp: pd.Timestamp) -> str:
        return "" if pd.isna(stamp) else stamp.tz_convert(zone).strftime("%Y-%m-%d")

    choices = {"": "全部案件", **groups}
    if selection.classes not in choices:
        choices[selection.classes] = selection.classes
    classes = _options(choices, selection.classes)
    common = sorted({50.0, 80.0, 150.0, 300.0, 600.0, selection.bandwidth_m})
    widths = _options({f"{b:g}": f"{b:g} 米" for b in common}, f"{selection.bandwidth_m:g}")
    return f"""<form method="get" action="/maps/hotspots">
<label for="class">类别</label><select id="class" name="class">{classes}</select>
<div class="two">
<div><label for="from">起（含）</label><input id="from" type="date" name="from" value="{day(selection.begin)}"></div>
<div><label for="to">止（不含）</label><input id="to" type="date" name="to" value="{day(selection.end)}"></div>
</div>
<label for="bandwidth_m">带宽</label><select id="bandwidth_m" name="bandwidth_m">{widths}</select>
<button type="submit">更新地图</button>
</form>"""


def _options(choices: dict[str, str], chosen: str) -> str:
    return "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(text)}</option>'
        for value, text in choices.items()
    )


def legend(look: Look) -> str:
    """Colours with their unit, the outline, and how both were made."""
    top = heat.top_density(look.grid)
    marks = [0, top / 4, top / 2, top * 3 / 4, top]
    ticks = "".join(
        f'<span style="left:{share:.0%}">{"≥ " if share == 1 else ""}{value:g}</span>'
        for share, value in zip(np.linspace(0, 1, 5), marks, strict=True)
    )
    return (
        '<section class="legend card"><h2>案件密度（件/公顷）</h2>'
        f'<div class="ramp" style="background:{heat.stops()}"></div><div class="ticks">{ticks}</div>'
        f'<div class="key"><i></i>显著热点单元（Gi*，q &lt; {LEVEL:g}）</div>'
        f"<p>n = {len(look.places):,} · 带宽 {look.selection.bandwidth_m:g} 米 · "
        f"<span>{escape(period(look))}</span></p>"
        "<details><summary>方法</summary><p>高斯核密度；城区边界与水面已作校正，每件案件都计在城区陆地上。"
        f"Gi* 以相接单元为邻，双侧检验（{TESTS[look.gi.evidence.by]}），Benjamini–Hochberg 校正；"
        "案件数未按人口或面积折算。"
        "位置缺失、落在默认点或城区外、尚未分派的案件不计入。</p></details></section>"
    )


def picture_zoom(box: tuple[float, float, float, float], *, most_px: int = 2400) -> tuple[int, tuple[int, int]]:
    """Zoom and size (height, width) of a picture of a box in degrees that is at most `most_px` wide and high."""
    west, south, east, north = box
    (x0, x1), (y0, y1) = from_lonlat([west, east], [south, north])
    zoom = next(z for z in range(17, 0, -1) if max(x1 - x0, y1 - y0) / pixel_m(z) * 2 <= most_px or z == 1)
    px = pixel_m(zoom) / 2
    return zoom, (round((y1 - y0) / px), round((x1 - x0) / px))


def pictures(look: Look, base: Any, names: list[Name]) -> Sources:
    """Sources for a page that is a file: base map and density drawn once, as pictures in the page."""
    box = corners(look)
    zoom, pixels = picture_zoom(box)
    (x0, x1), (y0, y1) = from_lonlat([box[0], box[2]], [box[1], box[3]])
    mercator = (float(x0), float(y0), float(x1), float(y1))
    top = heat.top_density(look.grid)
    half = (max(1, pixels[0] // 2), max(1, pixels[1] // 2))
    return Sources(
        data_url(base.picture(mercator, zoom, pixels)),
        data_url(heat.picture(look.grid, mercator, half, srid=look.city.srid, top=top)),
        names,
        box,
    )
