"""What all pages share around the map: the bar on top with the way to the other pages."""

from __future__ import annotations

from html import escape

from api.routes import static

PAGES = {
    "/maps/responsibility": {"en": "Who is responsible", "zh": "责任查询"},
    "/maps/hotspots": {"en": "Hotspots", "zh": "案件热点"},
    "/maps/units": {"en": "Unit grids", "zh": "单元网格"},
    "/docs": {"en": "API", "zh": "接口文档"},
}
"""Pages that the bar leads to, with their names."""


def bar(title: str, sub: str, here: str, *, lang: str = "zh", standalone: bool = False, more: str = "") -> str:
    """The bar on top as HTML.

    Parameters
    ----------
    title, sub
        Texts, not HTML: the heading, and what stands beside it.
    here
        The page's own address, which the bar does not lead to.
    lang
        ``zh`` or ``en``.
    standalone
        The page is a file: no icon and no way to others.
    more
        HTML at the end of the way to others.
    """
    icon = "" if standalone else f'<img src="{static.url("icon.svg")}" alt="">'
    ways = "".join(f'<a href="{path}">{name[lang]}</a>' for path, name in PAGES.items() if path != here)
    nav = "" if standalone else f"<nav>{ways}{more}</nav>"
    return f'<header class="bar">{icon}<h1>{escape(title)}</h1><span class="sub">{escape(sub)}</span>{nav}</header>'
