"""The hotspot page: filters, time, the map, what is known of a hotspot. Scripts ask the service for all answers.

``static/hotspots.js`` puts together ``hotspots_source`` (asking), ``_filters``, ``_map``, ``_time``, ``_list``,
``_panel``, ``_twin`` and ``_picture``, each one purpose. The same page with its answers inside is a file
(`api.pages.hotspots_file`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from branca.element import MacroElement
from folium.template import Template

from api.pages import heat
from api.pages.credits import city_name, credit
from api.pages.faults import patterns
from api.pages.frame import LANGUAGES, Frame, bar, options, sheet
from api.pages.frame_words import words as frame_words
from api.pages.hotspots_words import words
from api.pages.map import CityMap, Stage, finish, script_json
from api.statistics.selection import BANDWIDTH_M
from gis.model import City

HERE = "/maps/hotspots"
SCRIPTS = (
    "choose.js", "chart.js", "hotspots_source.js", "hotspots_filters.js", "hotspots_map.js", "hotspots_time.js",
    "hotspots_list.js", "hotspots_panel.js", "hotspots_twin.js", "hotspots_picture.js", "hotspots.js", "hotspots.css",
)  # fmt: skip
METHODS = ("gi", "moran", "trend", "compare", "clusters", "scan", "kde")
"""Methods that a map can show; rates and Knox have no hotspots."""
BANDWIDTHS = (50, 80, 150, 300, 600)
HEXAGONS = (8, 9, 10)
PANEL_PX = 324
"""Width that the panel takes at the left."""
MOST_SPOTS = 200
"""Most hotspots in the list and on the map; the page says when there are more."""


@dataclass(frozen=True)
class Sources:
    """Addresses of the page's pictures, names, filters and answers; an outside base map where the settings name one."""

    base: str = ""
    names: str | list = ""
    heat: str = "/tiles/heat/{z}/{x}/{y}.png"
    look: str = f"{HERE}/look.json"
    timeline: str = f"{HERE}/timeline.json"
    choices: str = f"{HERE}/choices.json"
    report: str = f"{HERE}/report"
    hotspots: str = "/v1/hotspots"
    alerts: str = "/v1/alerts"
    outside: tuple[str, str] | None = None


@dataclass(frozen=True)
class View:
    """What the page is about: the city, the editions of its classes, its area sets, what can be held against.

    `bounds` is what the map shows first: west, south, east, north in degrees. `data` are the answers of a page that is
    a file, None for one that asks.
    """

    city: City
    bounds: tuple[float, float, float, float]
    editions: Sequence[str] = ()
    sets: Sequence[str] = ()
    exposures: Sequence[str] = ()
    data: dict[str, Any] | None = None
    scripts: Sequence[str] = field(default=SCRIPTS)


class Watching(MacroElement):
    """The page's own script, with its addresses and words."""

    _template = Template(
        "{% macro script(this, kwargs) %}wanmi.hotspots({{ this._parent.get_name() }}, {{ this.given }});{% endmacro %}"
    )

    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__()
        self._name = "Watching"
        self.given = script_json(given)


def page(view: View, sources: Sources, *, frame: Frame, nonce: str = "") -> str:
    """The page as HTML.

    Parameters
    ----------
    view
        City, and what can be chosen.
    sources
        Where everything comes from.
    frame
        Language and theme.
    nonce
        Lets the page's own scripts run under the service's content policy.
    """
    city, said = view.city, words(frame.lang)
    west, south, east, north = view.bounds
    plan = CityMap(
        standalone=frame.standalone,
        more=view.scripts,
        location=((south + north) / 2, (west + east) / 2),
        zoom_start=13,
        zoom_snap=0.5,
        min_zoom=9,
        max_zoom=19,
        prefer_canvas=False,  # shapes are few, and as SVG they take the theme's colours
    )
    stage: dict[str, Any] = {"bounds": view.bounds, "base": sources.base, "names": sources.names}
    both: dict[str, Any] = {lang: {"words": frame_words(lang), "credit": credit(city, lang)} for lang in LANGUAGES}
    stage |= {"credit": credit(city, frame.lang), "outside": sources.outside}
    Stage(frame, **stage, left_px=PANEL_PX, turned=both if frame.standalone else None).add_to(plan)
    given: dict[str, Any] = {
        "sources": {
            name: getattr(sources, name) for name in Sources.__dataclass_fields__ if name not in ("names", "outside")
        },
        "words": {lang: words(lang) for lang in ("zh", "en")} if frame.standalone else {frame.lang: said},
        "lang": frame.lang,
        "faults": {} if frame.standalone else patterns(frame.lang),
        "names": "" if frame.standalone else sources.names,
        "zone": city.time_zone,
        "edition": city.edition,
        "bandwidth": BANDWIDTH_M,
        "ramp": {theme: heat.stops(theme=theme) for theme in heat.RAMPS},
        "most": MOST_SPOTS,
        "city": city_name(city, frame.lang),
        "credit": credit(city, frame.lang),
        "cities": {lang: {"city": city_name(city, lang), "credit": credit(city, lang)} for lang in LANGUAGES},
        "data": view.data,
    }
    Watching(given).add_to(plan)
    title = f"{city_name(city, frame.lang)} {said['title']}"
    plan.figure.title = escape(f"{title} · {'万米' if frame.lang == 'zh' else 'Wanmi'}")
    switch = f'<button type="button" id="switch">{said["other_language"]}</button>' if frame.standalone else ""
    parts = bar(title, "", frame, more=switch) + sheet(_panel(view, said, frame), _legend(said), frame)
    plan.add_html(parts + _time(said, frame) + _spot(said))
    return finish(plan.figure.render(), nonce=nonce, frame=frame, kind="spots filed" if frame.standalone else "spots")


def _panel(view: View, said: dict[str, str], frame: Frame) -> str:
    form = "" if frame.standalone else _form(view, said)
    export = "" if frame.standalone else _export(said)
    about = f'<p class="soft">{said["file.about"]}</p>' if frame.standalone else ""
    return f"""<aside class="panel card" aria-label="{said["filters"]}">{form}{about}
<p id="fault" class="fault" role="alert" hidden></p>
<dl id="facts"></dl>
<div class="tabs" role="tablist">
<button type="button" role="tab" id="tab-spots" aria-controls="spots" aria-selected="true">{said["hotspots"]}</button>
<button type="button" role="tab" id="tab-alerts" aria-controls="alerts" aria-selected="false"
 tabindex="-1">{said["alerts"]}</button>
</div>
<div id="spots" role="tabpanel" aria-labelledby="tab-spots"></div>
<div id="alerts" role="tabpanel" aria-labelledby="tab-alerts" hidden></div>
{export}</aside>"""


def _form(view: View, said: dict[str, str]) -> str:
    """The filters; what is rarely needed is folded away."""
    editions = sorted(view.editions, key=lambda name: name != view.city.edition)
    numbers = options([(name, name) for name in editions], "")
    methods = options([(name, said[f"method.{name}"]) for name in METHODS], "gi")
    sets = [(f"area:{name}", said["cells.area"].format(name=said.get(f"set.{name}", name))) for name in view.sets]
    hexagons = [(f"h3:{n}", said["cells.h3"].format(n=n)) for n in HEXAGONS]
    cells = options([("unit", said["cells.unit"]), *sets, *hexagons, ("plane", said["cells.plane"])], "unit")
    against = options([("", said["exposure."]), *((n, said.get(f"exposure.{n}", n)) for n in view.exposures)], "")
    widths = options([(str(b), f"{b} m") for b in BANDWIDTHS], f"{BANDWIDTH_M:g}")
    return f"""<form id="filters" autocomplete="off" novalidate>
<div class="line"><div class="grow"><label for="class">{said["class"]}</label>
<div class="choose"><input id="class" type="text" role="combobox" aria-autocomplete="list" aria-expanded="false"
 aria-controls="classes" placeholder="{said["class_hint"]}" spellcheck="false">
<ul id="classes" role="listbox" aria-label="{said["class"]}" hidden></ul></div></div>
<div><label for="edition">{said["edition"]}</label><select id="edition">{numbers}</select></div></div>
<div class="two">
<div><label for="from">{said["from"]}</label><input id="from" type="date"></div>
<div><label for="to">{said["to"]}</label><input id="to" type="date"></div></div>
<label for="method">{said["method"]}</label><select id="method">{methods}</select>
<div class="two">
<div><label for="cells">{said["cells"]}</label><select id="cells">{cells}</select></div>
<div><label for="exposure">{said["against"]}</label><select id="exposure">{against}</select></div></div>
<details id="more"><summary>{said["more"]}</summary>
<label for="department">{said["department"]}</label>
<input id="department" list="departments" placeholder="{said["all"]}" spellcheck="false">
<datalist id="departments"></datalist>
<div class="two">
<div><label for="channel">{said["channel"]}</label><select id="channel">
<option value="">{said["all"]}</option></select></div>
<div><label for="bandwidth_m">{said["bandwidth"]}</label><select id="bandwidth_m">{widths}</select></div></div>
<label for="area">{said["area"]}</label>
<input id="area" list="areas" placeholder="{said["area_hint"]}" spellcheck="false"><datalist id="areas"></datalist>
</details>
<div class="row"><button type="button" id="two" class="quiet">{said["two"]}</button>
<button type="button" id="clear" class="quiet">{said["clear"]}</button></div>
</form>"""


def _export(said: dict[str, str]) -> str:
    kinds = (("geojson", "GeoJSON"), ("parquet", "GeoParquet"), ("csv", "CSV"))
    files = "".join(f'<a id="as-{form}" data-format="{form}" href="#">{name}</a>' for form, name in kinds)
    return (
        f'<div class="export" role="group" aria-label="{said["export"]}"><span>{said["export"]}</span>{files}'
        f'<button type="button" id="as-png">{said["export.png"]}</button>'
        f'<a id="as-report" href="#" target="_blank" rel="noopener">{said["export.report"]}</a></div>'
    )


def _legend(said: dict[str, str]) -> str:
    return (
        f'<section class="legend card" id="legend" aria-label="{escape(said["legend"])}">'
        f'<h2>{said["legend"]}</h2><div class="ramp"></div><div class="ticks"></div>'
        '<div class="keys"></div><p class="told"></p>'
        f'<details><summary>{said["methods"]}</summary><p class="about"></p></details></section>'
    )


def _time(said: dict[str, str], frame: Frame) -> str:
    if frame.standalone:
        return ""
    steps = options([("", said["whole"]), ("month", said["by_month"]), ("week", said["by_week"])], "")
    return f"""<section class="time card" id="time" aria-label="{said["time"]}">
<div class="row"><label class="unseen" for="step">{said["time"]}</label><select id="step">{steps}</select>
<button type="button" id="earlier" class="round" aria-label="{said["earlier"]}">‹</button>
<button type="button" id="play" class="round" aria-pressed="false" aria-label="{said["play"]}">▶</button>
<button type="button" id="later" class="round" aria-label="{said["later"]}">›</button>
<output id="now" for="position"></output></div>
<div class="track"><div id="bars" aria-hidden="true"></div>
<input id="position" type="range" min="0" max="0" value="0" step="1" aria-label="{said["position"]}"></div></section>"""


def _spot(said: dict[str, str]) -> str:
    about = f'role="region" aria-label="{said["hotspots"]}" tabindex="-1" hidden'
    return f'<section class="spot-panel card" id="spot" {about}></section>'
