"""An answer as a map to move and point at, for notebooks: it asks nobody for anything."""

from __future__ import annotations

import html
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import folium
import numpy as np
import orjson
from branca.element import Element, Figure

from api.pages.map import Inline
from api.statistics.drawn import told
from api.statistics.gathered import Gathering, geojson, in_degrees

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHADES = ("#ffffb2", "#fecc5c", "#fd8d3c", "#f03b20", "#bd0026")
UNKNOWN = "#ffffff"
MOST_FIELDS = 10
NUMBERS = ("ratio", "rate", "cases_per_ha", "z", "cases")
"""What cells are coloured by, the first that there is."""


class OwnMap(folium.Map):
    """A map without a background, whose script stands in the page itself."""

    def __init__(self, height: int) -> None:
        self.default_js, self.default_css = [], []
        super().__init__(tiles=None, height=height, attribution_control=False)
        root = self.get_root()
        assert isinstance(root, Figure)
        root.height = str(height)
        for name in ("leaflet.css", "leaflet.js"):
            root.header.add_child(Inline(name), name=name)


def explore(answer: Gathering, *, column: str | None = None, height: int = 480) -> folium.Map:
    """The answer on a map to move; what points at a cell tells its numbers, hot ones have a dark border.

    Parameters
    ----------
    column
        What cells are coloured by, in five classes of equal count; by default the number that the method is about.
    height
        Pixels.
    """
    srid = answer.frame.crs.to_epsg()
    data = orjson.loads(geojson(answer, srid))
    fields = [c for c in answer.frame.columns if c != answer.frame.geometry.name][:MOST_FIELDS]
    column = column or next((name for name in NUMBERS if name in fields), None)
    cuts = np.array([])
    if column is not None:
        values = answer.frame[column].to_numpy(dtype=float, na_value=np.nan)
        known = values[np.isfinite(values)]
        cuts = np.unique(np.quantile(known, [0.2, 0.4, 0.6, 0.8])) if len(known) else cuts

    def look(feature: dict[str, Any]) -> dict[str, Any]:
        value = feature["properties"].get(column) if column else None
        hot = bool(feature["properties"].get("hot"))
        shade = UNKNOWN if value is None else SHADES[int(np.searchsorted(cuts, value, side="right"))]
        return {
            "fillColor": shade,
            "fillOpacity": 0.75,
            "color": "#222" if hot else "#999",
            "weight": 2 if hot else 0.4,
        }

    made = OwnMap(height)
    if data["features"]:
        tip = folium.GeoJsonTooltip(fields=fields, sticky=True) if fields else None
        folium.GeoJson(data, style_function=look, tooltip=tip).add_to(made)
        west, south, east, north = in_degrees(answer.frame, srid).total_bounds.tolist()
        made.fit_bounds([[south, west], [north, east]])
    root = made.get_root()
    assert isinstance(root, Figure)
    root.html.add_child(Element("{% raw %}" + _legend(column, cuts, told(answer)) + "{% endraw %}"))
    return made


def _legend(column: str | None, cuts: NDArray[np.float64], note: str) -> str:
    rows = []
    if column is not None:
        ends = [f"{c:,.4g}" for c in cuts]
        names = [
            f"below {ends[0]}",
            *(f"{a} to {b}" for a, b in pairwise(ends)),
            f"{ends[-1]} and more",
        ]
        names = names if len(cuts) else ["any"]
        swatch = '<i style="display:inline-block;width:12px;height:12px;margin-right:6px;background:{}"></i>{}'
        rows = [swatch.format(shade, html.escape(name)) for shade, name in zip(SHADES, names, strict=False)]
        rows.append(swatch.format(UNKNOWN, "not shown, or unknown"))
    head = f"<b>{html.escape(column or '')}</b>" if column else ""
    box = "position:absolute;right:8px;bottom:8px;z-index:999;background:#fffd;padding:6px 10px;font:12px sans-serif"
    lines = "<br>".join([head, *rows, html.escape(note)])
    return f'<div style="{box};max-width:260px">{lines}</div>'
