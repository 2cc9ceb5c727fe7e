"""The page of the unit grids: units over streets, coloured by area, faults of their certificate in red."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

import folium
import numpy as np
import shapely
from branca.element import MacroElement
from folium.template import Template

from api.pages.credits import city_name, credit
from api.pages.frame import LAYERS, Frame, bar, sheet
from api.pages.map import CityMap, Stage, finish, script_json
from api.pages.unit_picture import COLOURS, FAULT, ROAD, STEPS_M2, UnitPicture
from api.pages.units_words import words
from gis.crs import to_lonlat
from gis.model import City
from grids.certificate import FAULTS, NOTICES, Certificate

MOST_FAULTS = 2000
"""Most faults in a page; those of the graver kinds and the larger ones are shown."""
TOLD = ("code", "community", "area_m2", "width_m", "compactness", "findings")
"""What is told of a unit, in this order."""
SAID_OF_LAYERS = (
    *("components", "component", "here", "zones", "zone", "code", "name", "class"),
    *("supervising", "owning", "maintaining", "department", "capped"),
)
"""Words that the script of the layers needs."""


@dataclass(frozen=True)
class Sources:
    """Addresses of the page's pictures, vector tiles (``{layer}``), names, classes, and of the question at a place."""

    base: str
    units: str
    names: str
    at: str
    tiles: str
    classes: str
    outside: tuple[str, str] | None = None


class AskAt(MacroElement):
    """A click on the map asks what is there."""

    _template = Template(
        "{% macro script(this, kwargs) %}wanmi.units({{ this._parent.get_name() }}, {{ this.given }});{% endmacro %}"
    )

    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__()
        self._name = "AskAt"
        self.given = script_json(given)


def page(
    picture: UnitPicture,
    city: City,
    sources: Sources,
    *,
    frame: Frame,
    departments: Mapping[str, str] | None = None,
    nonce: str = "",
) -> str:
    """The page as HTML.

    Parameters
    ----------
    picture
        Units with their certificate.
    city
        Whose they are.
    sources
        Where pictures and names come from.
    frame
        Language and theme.
    departments
        Names by code, to tell owners of components and zones; without one the code is told.
    nonce
        Lets the page's own scripts run under the service's content policy.
    """
    said = words(frame.lang)
    bounds = shapely.total_bounds(picture.plain)
    lon, lat = to_lonlat(bounds[[0, 2, 0, 2]], bounds[[1, 1, 3, 3]], city.srid)
    west, south, east, north = float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())
    view = CityMap(
        more=("vector.js", "units_layers.js", "units.js"),
        location=((south + north) / 2, (west + east) / 2),
        zoom_start=14,
        zoom_snap=0.5,
        min_zoom=9,
        max_zoom=18,
        prefer_canvas=True,
    )
    Stage(
        frame,
        bounds=(west, south, east, north),
        base=sources.base,
        names=sources.names,
        credit=credit(city, frame.lang),
        left_px=292,
        outside=sources.outside,
    ).add_to(view)
    folium.TileLayer(
        sources.units,
        attr=f"<span>{escape(credit(city, frame.lang))}</span>",
        name=said["units"],
        overlay=True,
        max_native_zoom=18,
        max_zoom=18,
    ).add_to(view)
    faults = folium.FeatureGroup(said["faults_layer"]).add_to(view)
    for layer in _faults(picture.certificate, city.srid, frame.lang):
        layer.add_to(faults)
    AskAt(
        {
            "at": sources.at,
            "title": said["unit"],
            "fields": {name: said[name] for name in TOLD},
            "kinds": {kind: said[f"kind.{kind}"] for kind in (*FAULTS, *NOTICES)},
            "no_unit": said["no_unit"],
            "between": "、" if frame.lang == "zh" else ", ",
            "over": {
                "tiles": sources.tiles,
                "classes": sources.classes,
                "lang": frame.lang,
                "departments": dict(departments or {}),
                "said": {name: said[name] for name in SAID_OF_LAYERS},
            },
        }
    ).add_to(view)
    folium.LayerControl(position="topright", collapsed=True).add_to(view)
    title = f"{city_name(city, frame.lang)} {said['title']}"
    view.figure.title = escape(f"{title} · {frame.words['wanmi']}")
    verdict = said["passed" if picture.certificate.passed else "failed"]
    sub = said["count"].format(n=f"{len(picture.certificate.units):,}", verdict=verdict)
    body = sheet(_panel(picture, said), _legend(said), frame, label=said["sheet"])
    view.add_html(bar(title, sub, frame) + body + '<p id="capped" class="capped card" role="status"></p>')
    return finish(view.figure.render(), nonce=nonce, frame=frame)


def _faults(certificate: Certificate, srid: int, lang: str) -> list[folium.GeoJson]:
    """Faults as red shapes; the small ones also as rings, so that they are seen from afar."""
    said = words(lang)
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
            "kind": said[f"kind.{f.kind}"],
            "unit": escape(f.unit) or "—",
            "other": escape(f.other) or "—",
            "area": f"{f.area_m2:,.2f}" if f.area_m2 > 0 else "—",
            "why": escape(f.why),
        }
        for f in found.itertuples()
    ]
    fields = {"kind": said["what"], "unit": said["one"], "other": said["other"], "area": said["area_m2"]}
    if lang == "en":  # the certificate's sentences are English; the kind says it in both languages
        fields["why"] = said["why"]
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


def _panel(picture: UnitPicture, said: dict[str, str]) -> str:
    """The certificate in figures."""
    certificate = picture.certificate
    area = certificate.units["area_m2"].to_numpy()
    figures: dict[str, Any] = certificate.figures

    def share(name: str) -> str:
        return "—" if figures.get(name) is None else f"{figures[name]:.2%}"

    facts = [
        (said["units"], said["of_units"].format(n=f"{len(area):,}")),
        (said["communities"], said["of_units"].format(n=f"{figures['communities']:,}")),
        (said["total"], said["km2"].format(n=f"{area.sum() / 1e6:,.1f}")),
        (said["mean"], said["m2"].format(n=f"{area.mean():,.0f}") if len(area) else "—"),
        (said["in_band"], share("in_band_share")),
        (said["in_band_area"], share("in_band_share_of_area")),
        (said["mean_compactness"], f"{figures['mean_compactness']:.2f}" if len(area) else "—"),
    ]
    counts = certificate.counts
    faults = [(said[f"kind.{k}"], f"{counts[k]:,}") for k in FAULTS if counts[k]]
    notices = [(said[f"kind.{k}"], f"{counts[k]:,}") for k in NOTICES if counts[k]] or [(said["notices"], said["none"])]

    def listed(rows: list[tuple[str, str]], kind: str = "") -> str:
        items = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
        return f'<dl class="{kind}">{items}</dl>'

    return (
        '<aside class="panel card" aria-labelledby="panel-title" tabindex="0">'
        + _choice(said)
        + f'<h2 id="panel-title">{said["certificate"]}</h2>'
        + listed(facts)
        + listed(faults or [(said["faults"], said["none"])], "faults" if faults else "notices")
        + listed(notices, "notices")
        + "</aside>"
    )


def _choice(said: dict[str, str]) -> str:
    """Layers to show as well; the page's script ticks those of the address."""
    rows = "".join(
        f'<label><input type="checkbox" value="{name}" autocomplete="off"><i class="{name}"></i>'
        f"{said[f'{name}_box']}</label>"
        for name in LAYERS
    )
    return f'<fieldset id="layers"><legend>{said["layers"]}</legend>{rows}</fieldset>'


def _legend(said: dict[str, str]) -> str:
    names = [f"&lt; {STEPS_M2[0]:,.0f}"]
    names += [f"{a:,.0f} – {b:,.0f}" for a, b in pairwise(STEPS_M2)]
    names += [f"&gt; {STEPS_M2[-1]:,.0f}", said["road"]]
    rows = "".join(
        # as half-transparent over the land of the theme as on the map
        f'<li><i style="background:linear-gradient({colour}80,{colour}80),var(--land)"></i>{name}</li>'
        for name, colour in zip(names, [*COLOURS, ROAD], strict=True)
    )
    band = said["band"].format(low=f"{STEPS_M2[0]:,.0f}", high=f"{STEPS_M2[-1]:,.0f}")
    return (
        f'<section class="legend steps card" aria-labelledby="legend-title"><h2 id="legend-title">{said["legend"]}</h2>'
        f'<ul>{rows}<li><i style="border:2px solid {FAULT};background:{FAULT}33"></i>{said["fault"]}</li></ul>'
        f"<p>{band}</p></section>"
    )
