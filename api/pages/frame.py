"""What all pages share around the map: bar, language, theme, and the sheet that holds what stands beside the map.

A page is made so::

    frame = Frame.read("/maps/hotspots", lang=…, theme=…, view=…, accepted=…)  # routes: `api.routes.framed.frame_of`
    city = CityMap(location=…, zoom_start=13, …)                               # api.pages.map
    Stage(frame, bounds=…, base=…, names=…, credit=…).add_to(city)             # first of the map's children
    city.add_html(bar(title, sub, frame) + sheet(panel, legend, frame))
    html = finish(city.figure.render(), nonce=nonce, frame=frame)

The stage sets the view (that of the link, else `bounds`), draws the base map for the theme and the names for the
language, keeps ``view``, ``lang`` and ``theme`` of the address in step, and says faults of the network in a bar of
its own. Its script is ``static/wanmi.js``; pages find there

- ``wanmi.link.get(name)``, ``wanmi.link.set({name: value, …}, {push: false})``: parameters of the address;
- ``wanmi.say(text)``: tells readers of the screen; ``wanmi.notice(text)``: a line that all see, "" takes it away;
- ``wanmi.dark()``, and the event ``wanmi:theme`` of ``document`` (``detail.dark``) when the theme changes;
- ``wanmi.escape(close)``: what Escape closes, the latest first; `close` returns whether there was something;
- ``wanmi.words``: the words of the frame; ``wanmi.el(name, attributes, ...children)``.

Colours are variables of ``wanmi.css``, light and dark: ``--bg --card --ink --muted --line --accent --on-accent
--soft-accent --hot --cold --bad --warn --field --focus --shadow``. Below 760 px the sheet lies at the bottom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from api.pages.frame_words import PAGES, words
from api.routes import static
from grids.errors import InputError

LANGUAGES = {"zh": "zh-CN", "en": "en"}
"""Languages of the pages, and how HTML writes them."""
THEMES = ("auto", "light", "dark")
LAYERS = ("components", "zones")
"""Layers that a page of the frame may show beside its own, by their names in the address."""
PARAMETERS = ("lang", "theme", "view", "base", "layers")
"""Parameters of an address that belong to the frame; the others are the page's."""


@dataclass(frozen=True)
class Frame:
    """How a page is shown: its own address, language, theme, and whether it is a file that asks for nothing."""

    here: str
    lang: str = "zh"
    theme: str = "auto"
    standalone: bool = False

    @classmethod
    def read(
        cls, here: str, *, lang: str = "", theme: str = "", view: str = "", layers: str = "", accepted: str = ""
    ) -> Frame:
        """The frame that an address asks for.

        Parameters
        ----------
        here
            Path of the page.
        lang, theme, view, layers
            As in the address; empty where it says nothing. The view is ``zoom/latitude/longitude``, layers are names
            joined by commas: the page's script shows them.
        accepted
            Header ``accept-language``: its first language of ours holds when the address names none, else Chinese.

        Raises
        ------
        InputError
            No such language, theme or layer, or no view.

        Examples
        --------
        >>> Frame.read("/maps/units", accepted="fr,en-GB;q=0.8").lang
        'en'
        """
        if lang and lang not in LANGUAGES:
            raise InputError(f"{lang!r} is no language of this page", where="lang", right=" or ".join(LANGUAGES))
        if theme and theme not in THEMES:
            raise InputError(f"{theme!r} is no theme", where="theme", right=", ".join(THEMES))
        if view:
            read_view(view)
        lost = next((name for name in layers.split(",") if name and name not in LAYERS), "")
        if lost:
            raise InputError(f"no layer {lost!r}", where="layers", right=" or ".join(LAYERS) + ", joined by commas")
        wanted = [part.strip()[:2].lower() for part in accepted.split(",")]
        return cls(here, lang or next((name for name in wanted if name in LANGUAGES), "zh"), theme or "auto")

    @property
    def words(self) -> dict[str, str]:
        """The frame's own words in its language."""
        return words(self.lang)

    @property
    def other(self) -> str:
        """The other language."""
        return next(name for name in LANGUAGES if name != self.lang)


def read_view(text: str) -> tuple[float, float, float]:
    """Zoom, latitude and longitude of a link's ``view``.

    Raises
    ------
    InputError
        It is none.

    Examples
    --------
    >>> read_view("15.5/35.02/111")
    (15.5, 35.02, 111.0)
    """
    try:
        zoom, lat, lon = map(float, text.split("/"))
    except ValueError:
        zoom = lat = lon = float("nan")
    if not (0 <= zoom <= 22 and abs(lat) <= 85.06 and abs(lon) <= 180):
        raise InputError(f"{text!r} is no view", where="view", right="zoom/latitude/longitude: 15.5/35.02/111.0")
    return zoom, lat, lon


def bar(title: str, sub: str, frame: Frame, *, more: str = "", skip: str = "main") -> str:
    """The bar on top as HTML, with the way to the other pages, the language, the theme and the link to copy.

    Parameters
    ----------
    title, sub
        Texts, not HTML: the heading, and what stands beside it.
    frame
        How the page is shown; a file has no way to others.
    more
        HTML before the tools.
    skip
        Id of the element that the skip link leads to.
    """
    said = frame.words
    top = f'<a class="skip" href="#{skip}">{said["skip"]}</a>'
    heading = f'<h1>{escape(title)}</h1><span class="sub" id="sub">{escape(sub)}</span>'
    end = (
        '</header><p id="said" class="unseen" role="status" aria-live="polite"></p>'
        '<div id="notice-bar" role="alert" hidden></div>'
    )
    if frame.standalone:
        return f'{top}<header class="bar">{heading}<div class="tools">{more}</div>{end}'
    ways = "".join(_way(path, name[frame.lang], path == frame.here) for path, name in PAGES.items())
    themes = "".join(
        f'<option value="{name}"{" selected" if name == frame.theme else ""}>{said[f"theme.{name}"]}</option>'
        for name in THEMES
    )
    tools = (
        f'<button type="button" id="copy-link" title="{said["copy_link"]}">{said["copy_link"]}</button>'
        f'<label class="unseen" for="theme">{said["theme"]}</label><select id="theme">{themes}</select>'
        f'<a id="language" href="?lang={frame.other}" hreflang="{frame.other}" lang="{LANGUAGES[frame.other]}">'
        f"{said['other_language']}</a>"
    )
    icon = f'<img src="{static.url("icon.svg")}" alt="">'
    nav = f'<nav class="ways" aria-label="{said["pages"]}">{ways}</nav>'
    return f'{top}<header class="bar">{icon}{heading}{nav}<div class="tools">{more}{tools}</div>{end}'


def _way(path: str, name: str, here: bool) -> str:
    current = ' aria-current="page"' if here else ""
    kind = ' class="wide"' if path == "/docs" else ""
    return f'<a href="{path}"{kind}{current}>{name}</a>'


def sheet(panel: str, legend: str, frame: Frame, *, label: str = "") -> str:
    """Panel and legend: cards beside the map, on a phone one sheet at the bottom that a button opens.

    Parameters
    ----------
    panel, legend
        HTML of both, their elements of class ``card`` included.
    label
        What the sheet is called on its button; by default "filters and figures" in the frame's language.
    """
    name = escape(label or frame.words["sheet"])
    return (
        f'<div class="sheet" id="sheet"><button type="button" class="handle" aria-expanded="false" '
        f'aria-controls="sheet-body">{name}</button><div id="sheet-body">{panel}{legend}</div></div>'
    )


def options(choices: Sequence[tuple[str, str]], chosen: str) -> str:
    """Options of a choice as HTML: values and their texts."""
    return "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(text)}</option>'
        for value, text in choices
    )
