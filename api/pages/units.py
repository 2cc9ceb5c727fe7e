"""The page of the unit grids: units over streets, coloured by area, faults of their certificate in red."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

import folium
import numpy as np
import shapely
from branca.element import MacroElement
from folium.template import Template

from api.pages.frame import bar
from api.pages.hotspots import CREDIT
from api.pages.map import Chrome, CityMap, Names, finish
from api.pages.unit_picture import COLOURS, FAULT, ROAD, STEPS_M2, UnitPicture, over_land
from gis.crs import to_lonlat
from gis.model import City
from grids.certificate import FAULTS, NOTICES, Certificate

MOST_FAULTS = 2000
"""Most faults in a page; those of the graver kinds and the larger ones are shown."""
KINDS = {
    "invalid": "几何无效",
    "parts": "多部件",
    "gap": "缝隙",
    "overlap": "重叠",
    "over_community": "跨社区",
    "beyond": "超出社区范围",
    "difference": "面积不符",
    "node": "邻边缺节点",
    "code": "编码错误",
    "order": "顺序错误",
    "parent": "上级区划不符",
    "area_band": "面积超限",
    "narrow": "过窄",
    "ragged": "形状不规整",
    "barrier": "被干道河流分割",
}
"""Kinds of findings in words."""


@dataclass(frozen=True)
class Sources:
    """Addresses of the page's pictures and names, and of the question what is at a place."""

    base: str
    units: str
    names: str
    at: str


class AskAt(MacroElement):
    """A click on the map asks what is there."""

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "wanmi.askAt({{ this._parent.get_name() }}, {{ this.source }}, {{ this.words }});{% endmacro %}"
    )

    def __init__(self, source: str, words: dict[str, str], kinds: dict[str, str]) -> None:
        super().__init__()
        self._name = "AskAt"
        self.source = json.dumps(source)
        self.words = json.dumps({"fields": words, "kinds": kinds}, ensure_ascii=False).replace("<", "\\u003c")


def page(picture: UnitPicture, city: City, sources: Sources, *, nonce: str = "") -> str:
    """The page as HTML.

    Parameters
    ----------
    picture
        Units with their certificate.
    sources
        Where pictures and names come from.
    nonce
        Lets the page's own scripts run under the service's content policy.
    """
    bounds = shapely.total_bounds(picture.plain)
    lon, lat = to_lonlat(bounds[[0, 2, 0, 2]], bounds[[1, 1, 3, 3]], city.srid)
    west, south, east, north = float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())
    view = CityMap(
        location=((south + north) / 2, (west + east) / 2),
        zoom_start=14,
        zoom_snap=0.5,
        min_zoom=9,
        max_zoom=18,
        prefer_canvas=True,
    )
    credit = CREDIT.get(city.key, escape(city.name))
    folium.TileLayer(sources.base, attr=credit, name="底图", max_native_zoom=18, max_zoom=18, control=False).add_to(
        view
    )
    folium.TileLayer(sources.units, attr=credit, name="单元网格", overlay=True, max_native_zoom=18, max_zoom=18).add_to(
        view
    )
    faults = folium.FeatureGroup("质检问题").add_to(view)
    for layer in _faults(picture.certificate, city.srid):
        layer.add_to(faults)
    Names(sources.names).add_to(view)
    Chrome().add_to(view)
    words = {"code": "单元网格", "community": "社区", "area_m2": "面积（平方米）", "width_m": "宽度 2A/P（米）"}
    AskAt(sources.at, {**words, "compactness": "紧凑度 4πA/P²", "findings": "质检"}, KINDS).add_to(view)
    folium.LayerControl(position="topright", collapsed=False).add_to(view)
    view.fit_bounds([[south, west], [north, east]], padding_top_left=(280, 8), padding_bottom_right=(8, 8))
    title = f"{city.name} 单元网格"
    view.figure.title = f"{title} · 万米"
    view.add_html(_header(title, picture.certificate) + _panel(picture) + _legend())
    return finish(view.figure.render(), nonce=nonce)


def _faults(certificate: Certificate, srid: int) -> list[folium.GeoJson]:
    """Faults as red shapes; the small ones also as rings, so that they are seen from afar."""
    found = certificate.faults[certificate.faults["severity"] == "fault"].head(MOST_FAULTS)
    there = ~(shapely.is_missing(found.geometry.to_numpy()) | shapely.is_empty(found.geometry.to_numpy()))
    found = found[there]
    if not len(found):
        return []

    def degrees(xy: np.ndarray) -> np.ndarray:
        return np.column_stack(to_lonlat(xy[:, 0], xy[:, 1], srid)).round(7)

    shapes = found.geometry.to_numpy()
    about = [
        {
            "kind": KINDS[f.kind],
            "unit": f.unit or "—",
            "other": f.other or "—",
            "area": f"{f.area_m2:,.2f}" if f.area_m2 > 0 else "—",
            "why": f.why,
        }
        for f in found.itertuples()
    ]
    fields = {"kind": "问题", "unit": "单元", "other": "对方", "area": "面积（平方米）", "why": "说明"}
    red = {"color": FAULT, "weight": 2, "opacity": 1, "fillColor": FAULT, "fillOpacity": 0.55}
    out = []
    ring = {**red, "fillOpacity": 0.12}
    for geometry, style in ((shapes, red), (shapely.point_on_surface(shapes), ring)):
        texts = shapely.to_geojson(shapely.transform(geometry, degrees))
        features = [
            {"type": "Feature", "properties": a, "geometry": json.loads(t)} for a, t in zip(about, texts, strict=True)
        ]
        tooltip = folium.GeoJsonTooltip(list(fields), list(fields.values()), class_name="spot", sticky=True)
        out.append(
            folium.GeoJson(
                {"type": "FeatureCollection", "features": features},
                style_function=lambda _, style=style: style,
                marker=folium.CircleMarker(radius=7),
                tooltip=tooltip,
            )
        )
    return out


def _header(title: str, certificate: Certificate) -> str:
    verdict = "质检通过" if certificate.passed else "质检未通过"
    return bar(title, f"{len(certificate.units):,} 个 · {verdict}", "/maps/units")


def _panel(picture: UnitPicture) -> str:
    """The certificate in figures."""
    certificate = picture.certificate
    area = certificate.units["area_m2"].to_numpy()
    figures: dict[str, Any] = certificate.figures

    def share(name: str) -> str:
        return "—" if figures.get(name) is None else f"{figures[name]:.2%}"

    facts = [
        ("单元网格", f"{len(area):,} 个"),
        ("社区", f"{figures['communities']:,} 个"),
        ("总面积", f"{area.sum() / 1e6:,.1f} 平方公里"),
        ("平均面积", f"{area.mean():,.0f} 平方米" if len(area) else "—"),
        ("面积达标（个数）", share("in_band_share")),
        ("面积达标（面积）", share("in_band_share_of_area")),
        ("平均紧凑度", f"{figures['mean_compactness']:.2f}" if len(area) else "—"),
    ]
    counts = certificate.counts
    faults = [(KINDS[k], f"{counts[k]:,}") for k in FAULTS if counts[k]]
    notices = [(KINDS[k], f"{counts[k]:,}") for k in NOTICES if counts[k]] or [("提示", "无")]

    def listed(rows: list[tuple[str, str]], kind: str = "") -> str:
        items = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
        return f'<dl class="{kind}">{items}</dl>'

    return (
        '<aside class="panel card"><h2>质检</h2>'
        + listed(facts)
        + listed(faults or [("错误", "无")], "faults" if faults else "notices")
        + listed(notices, "notices")
        + "</aside>"
    )


def _legend() -> str:
    names = [f"&lt; {STEPS_M2[0]:,.0f}"]
    names += [f"{a:,.0f} – {b:,.0f}" for a, b in pairwise(STEPS_M2)]
    names += [f"&gt; {STEPS_M2[-1]:,.0f}", "道路用地"]
    rows = "".join(
        f'<li><i style="background:{over_land(colour)}"></i>{name}</li>'
        for name, colour in zip(names, [*COLOURS, ROAD], strict=True)
    )
    return (
        f'<section class="legend steps card"><h2>单元面积（平方米）</h2><ul>{rows}'
        f'<li><i style="border:2px solid {FAULT};background:{FAULT}33"></i>质检问题</li></ul>'
        f"<p>面积限 {STEPS_M2[0]:,.0f} 至 {STEPS_M2[-1]:,.0f} 平方米；点击地图查看单元。</p></section>"
    )
