"""A folium map that asks nobody but us: its scripts and styles are those under ``/static``, or stand in the page."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from typing import Any

import folium
from branca.element import Element, Figure, MacroElement
from folium.template import Template

from api.routes import static


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
        files = () if standalone else ("leaflet.js", "wanmi.js", "leaflet.css", "wanmi.css", *more)
        self.default_js = [(name, static.url(name)) for name in files if name.endswith(".js")]
        self.default_css = [(name, static.url(name)) for name in files if name.endswith(".css")]
        super().__init__(tiles=None, zoom_control="bottomleft", **options)
        if standalone:
            for name in ("leaflet.css", "wanmi.css", "leaflet.js", "wanmi.js"):
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


class Chrome(MacroElement):
    """A metric scale, and no address of others."""

    _template = Template("{% macro script(this, kwargs) %}wanmi.chrome({{ this._parent.get_name() }});{% endmacro %}")

    def __init__(self) -> None:
        super().__init__()
        self._name = "Chrome"


class Names(MacroElement):
    """Names of places and roads on the map, from one of our addresses or given at once."""

    _template = Template(
        "{% macro script(this, kwargs) %}wanmi.names({{ this._parent.get_name() }}, {{ this.source }});{% endmacro %}"
    )

    def __init__(self, source: str | list) -> None:
        super().__init__()
        self._name = "Names"
        self.source = json.dumps(source, ensure_ascii=False).replace("<", "\\u003c")


def finish(html: str, *, nonce: str = "", lang: str = "zh-CN", kind: str = "") -> str:
    """The page as it leaves: its language, the class of its body, and the nonce on each script of its own."""
    html = html.replace("<html>", f'<html lang="{lang}">', 1)
    html = html.replace("<body>", f'<body class="{kind}">', 1) if kind else html
    html = re.sub(r",\s*maximum-scale=1\.0,\s*user-scalable=no", "", html, count=1)  # who must may look closer
    return html.replace("<script>", f'<script nonce="{nonce}">') if nonce else html


def data_url(png: bytes) -> str:
    """A picture as an address that needs no request."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
