"""The page that tells who is responsible: a question, the map, the answer with its reasons.

The page is empty of answers: `static/responsibility.js` asks the service, `static/answer.js` writes what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from branca.element import MacroElement
from folium.template import Template

from api.pages.credits import city_name, credit
from api.pages.faults import patterns
from api.pages.frame import Frame, bar
from api.pages.map import CityMap, Stage, finish, script_json
from api.pages.responsibility_words import FIELDS, words
from api.pages.sentences import sentences
from gis.model import City

SCRIPTS = ("choose.js", "answer.js", "rosters.js", "around.js", "responsibility.js", "responsibility.css")
NEAR = 17
"""Zoom to which a place is shown that was typed or came with a link."""


@dataclass(frozen=True)
class Sources:
    """Addresses of the page's pictures, names, classes, shapes and units."""

    base: str
    names: str
    classes: str
    around: str
    units: str
    outside: tuple[str, str] | None = None
    resolve: str = "/v1/resolve"
    rosters: str = "/v1/rosters"


@dataclass(frozen=True)
class View:
    """What the page is about: the city, the editions of its classes, language and theme.

    `bounds` is what the map shows first: west, south, east, north in degrees.
    """

    city: City
    editions: Sequence[str]
    frame: Frame
    bounds: tuple[float, float, float, float]


class Asking(MacroElement):
    """The page's own script, with its addresses and words."""

    _template = Template(
        "{% macro script(this, kwargs) %}wanmi.responsibility({{ this._parent.get_name() }}, {{ this.given }});"
        "{% endmacro %}"
    )

    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__()
        self._name = "Asking"
        self.given = script_json(given)


def page(view: View, sources: Sources, *, nonce: str = "") -> str:
    """The page as HTML.

    Parameters
    ----------
    view
        City and language.
    sources
        Where everything comes from.
    nonce
        Lets the page's own scripts run under the service's content policy.
    """
    city, frame = view.city, view.frame
    said = words(frame.lang)
    west, south, east, north = view.bounds
    plan = CityMap(
        more=SCRIPTS,
        location=((south + north) / 2, (west + east) / 2),
        zoom_start=13,
        zoom_snap=0.5,
        min_zoom=9,
        max_zoom=19,
        prefer_canvas=False,  # shapes are few, and as SVG they can be told apart by a reader's tools
    )
    Stage(
        frame,
        bounds=view.bounds,
        base=sources.base,
        names=sources.names,
        credit=credit(city, frame.lang),
        outside=sources.outside,
    ).add_to(plan)
    title = f"{city_name(city, frame.lang)} {said['title']}"
    plan.figure.title = escape(f"{title} · {frame.words['wanmi']}")
    given = {
        "sources": asdict(sources),
        "words": said,
        "fields": {field: said[name] for field, name in FIELDS.items()},
        "lang": frame.lang,
        "sentences": sentences() if frame.lang == "zh" else (),
        "faults": patterns(frame.lang),
        "zone": city.time_zone,
        "edition": city.edition,
        "territory": city.territory,
        "near": NEAR,
    }
    Asking(given).add_to(plan)
    plan.add_html(bar(title, "", frame, skip="ask") + _form(view, said) + _answer(said) + _legend(said))
    return finish(plan.figure.render(), nonce=nonce, frame=frame, kind="asking")


def _form(view: View, said: dict[str, str]) -> str:
    """The question; what is rarely needed is folded away."""
    editions = sorted(view.editions, key=lambda name: name != view.city.edition)
    choices = "".join(f'<option value="{escape(name)}">{escape(name)}</option>' for name in editions)
    help_ = escape(said["more_help"].format(zone=view.city.time_zone))
    return f"""<form id="ask" class="question" aria-label="{said["title"]}" autocomplete="off" novalidate>
<div class="line">
<div class="grow"><label for="class">{said["class"]}</label>
<div class="choose"><input id="class" type="text" role="combobox" aria-autocomplete="list" aria-expanded="false"
 aria-controls="classes" placeholder="{said["class_hint"]}" spellcheck="false">
<ul id="classes" role="listbox" aria-label="{said["class"]}" hidden></ul></div></div>
<div><label for="edition">{said["edition"]}</label><select id="edition">{choices}</select></div>
</div>
<div class="line">
<div class="grow"><label for="place">{said["place"]}</label>
<input id="place" type="text" inputmode="text" placeholder="{said["place_hint"]}" spellcheck="false"></div>
<button type="submit">{said["ask"]}</button>
</div>
<div class="line">
<div class="grow"><label for="at">{said["when"]}</label>
<input id="at" type="datetime-local"></div>
<button type="button" id="now" class="quiet">{said["now"]}</button>
</div>
<details id="more"><summary>{said["more"]}</summary>
<div class="line">
<div><label for="accuracy_m">{said["accuracy"]}</label>
<input id="accuracy_m" type="number" min="0" max="100000" step="any"></div>
<div class="grow"><label for="known_at">{said["known"]}</label>
<input id="known_at" type="datetime-local"></div>
</div>
<p>{help_}</p></details>
</form>"""


def _answer(said: dict[str, str]) -> str:
    return (
        '<main id="told"><div id="notice" role="alert"></div><div id="owner" role="status"></div>'
        f'<div id="answer"><p class="start">{said["start"]}</p><p class="start keys">{said["start_keys"]}</p></div>'
        "</main>"
    )


def _legend(said: dict[str, str]) -> str:
    """What the shapes on the map mean."""
    keys = {
        "place": "accuracy_circle",
        "winner": "winner_shape",
        "unit": "unit",
        "other": "other_shapes",
        "change": "changes",
    }
    rows = "".join(f'<li class="{kind}"><i></i>{said[word]}</li>' for kind, word in keys.items())
    return f'<section id="legend" class="card" aria-hidden="true" hidden><ul>{rows}</ul></section>'
