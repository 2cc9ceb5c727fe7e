"""A folium map that asks nobody but us: its scripts and styles are those under ``/static``, or stand in the page."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import folium
from branca.element import Element, Figure, MacroElement
from folium.template import Template

from api.pages.frame import LANGUAGES, Frame
from api.routes import static

SCRIPTS = ("wanmi.js", "stage.js", "names.js")
"""Scripts of ours that every page has, in this order."""


class Inline(Element):
    """A script or style that stands in the page itself, for pages that are files."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = "Inline"
        data, kind = static.content(name)[0], static.FILES[name][1]
        if kind == "text/css":
            text = re.sub(r"url\([^)]*\)", "none", data.decode())  # pictures of controls we do not use
            self.tag = f"<style>{text}</style>"
        else:
            text = re.sub(r"(?m)^//# sourceMappingURL=.*$", "", data.decode())
            self.tag = f"<script>{text}</script>"

    def render(self, **kwargs: Any) -> str:
        """The element with its content."""
        return self.tag


class CityMap(folium.Map):
    """A map whose only outside needs are Leaflet and ours.

    folium keeps its lists of addresses as class attributes that all maps share; here they are the map's own.
    """

    def __init__(self, *, standalone: bool = False, more: Sequence[str] = (), **options: Any) -> None:
        """Make the map; `more` names further scripts and styles of ours that the page loads."""
        files = () if standalone else ("leaflet.js", *SCRIPTS, "leaflet.css", "wanmi.css", *more)
        self.default_js = [(name, static.url(name)) for name in files if name.endswith(".js")]
        self.default_css = [(name, static.url(name)) for name in files if name.endswith(".css")]
        super().__init__(tiles=None, zoom_control=False, **options)
        if standalone:
            for name in ("leaflet.css", "wanmi.css", "leaflet.js", *SCRIPTS, *more):
                self.figure.header.add_child(Inline(name), name=name)

    @property
    def figure(self) -> Figure:
        """The page around the map."""
        root = self.get_root()
        assert isinstance(root, Figure)
        return root

    def add_html(self, html: str) -> None:
        """Put HTML of ours before the map."""
        self.figure.html.add_child(Element("{% raw %}" + html + "{% endraw %}"))


class Stage(MacroElement):
    """View, base map, names and controls of a page's map; the first child of its map.

    Parameters
    ----------
    frame
        How the page is shown.
    bounds
        West, south, east, north in degrees: what is shown when the link has no view.
    base
        Address of the base map's tiles with ``{z}/{x}/{y}``; empty: the page has its own.
    names
        Address of the names, or the names.
    credit
        Text of whose ground it is.
    left_px
        Width that a panel takes at the left.
    outside
        An outside base map and its attribution, where the settings name one.
    turned
        For a file, which turns its language by itself: ``words`` and ``credit`` by language.
    """

    _template = Template(
        "{% macro script(this, kwargs) %}wanmi.stage({{ this._parent.get_name() }}, {{ this.given }});{% endmacro %}"
    )

    def __init__(
        self,
        frame: Frame,
        *,
        bounds: Sequence[float],
        base: str = "",
        names: str | list = "",
        credit: str = "",
        left_px: int = 0,
        outside: tuple[str, str] | None = None,
        turned: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__()
        self._name = "Stage"
        west, south, east, north = bounds
        self.given = script_json(
            {
                "bounds": [[south, west], [north, east]],
                "base": base,
                "names": names,
                "credit": credit,
                "left": left_px,
                "outside": outside,
                "lang": frame.lang,
                "standalone": frame.standalone,
                "words": frame.words,
                "turned": turned,
            }
        )


def script_json(given: Any) -> str:
    """JSON that may stand in a script of a page, whatever its texts are."""
    return json.dumps(given, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", "\\u2028")


def finish(html: str, *, nonce: str = "", frame: Frame, kind: str = "") -> str:
    """The page as it leaves: language, theme, the class of its body, its main part, the nonce on scripts of its own."""
    about = f'lang="{LANGUAGES[frame.lang]}" data-theme="{frame.theme}"'
    html = html.replace("<html>", f"<html {about}>", 1)
    html = html.replace("<body>", f'<body class="{kind}">', 1) if kind else html
    html = re.sub(r",\s*maximum-scale=1\.0,\s*user-scalable=no", "", html, count=1)  # who must may look closer
    if "<main" not in html:
        html = re.sub(r'(<div class="folium-map"[^>]*>\s*</div>)', r'<main id="main">\1</main>', html, count=1)
    return html.replace("<script>", f'<script nonce="{nonce}">') if nonce else html


def data_url(png: bytes) -> str:
    """A picture as an address that needs no request."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
