"""The report of the hotspots for paper: a title page with what was asked, then one page a hotspot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from api.pages import heat
from api.pages.credits import city_name, credit
from api.pages.frame import LANGUAGES, Frame
from api.pages.hotspots_words import words
from api.pages.latin import english
from api.pages.report_map import Sheet, map_html, picture, shapes_of
from api.routes import static
from api.statistics.gathered import Gathering

if TYPE_CHECKING:
    from api.pages.basemap import BaseMap
    from api.pages.names import Name
    from api.statistics.selection import Look

MAP_PX = (680, 318)
OVERVIEW_PX = (680, 350)
ON_TITLE, ON_LIST = 7, 44
"""Hotspots in the list of the title page; with more the list is a page of its own, of so many at most."""
MOST_ROWS = 5
FIGURES = (
    ("before", 0), ("expected", 1), ("ratio", 2), ("z", 2), ("q", None), ("p", None), ("cells", 0), ("area_ha", 1),
    ("bins_hot", 0), ("cores", 0), ("radius_m", 0),
)  # fmt: skip


@dataclass(frozen=True)
class Report:
    """What the report tells: the selection, its hotspots, the panel of each that has a page, the state of the data.

    ``asked`` are the filters in words by their name; ``state`` names the snapshot, the mark of the cases, the time.
    """

    found: Look
    spots: Gathering
    panels: Sequence[dict[str, Any]]
    look: dict[str, Any]
    asked: dict[str, str]
    state: dict[str, str]
    phones: dict[str, str]


def report_page(
    report: Report, base: BaseMap, names: Sequence[Name], *, frame: Frame, back: str, nonce: str = ""
) -> str:
    """The report as HTML.

    Parameters
    ----------
    report
        What it tells.
    base, names
        The ground of its maps.
    frame
        Language.
    back
        Address of the map that shows the same.
    nonce
        Lets its one line of script (the button that prints) run under the service's content policy.
    """
    said = words(frame.lang)
    top = heat.top_density(report.found.grid)
    frame_ = report.spots.frame
    outlines: Any = shapes_of(frame_, report.found.city.srid) if len(frame_) else []
    spots = [
        {
            "shape": shape, "lon": row["lon"], "lat": row["lat"], "rank": int(row["rank"]), "id": str(row["id"]),
            "kind": row.get("pattern") or row.get("change") or "hot",
        }
        for shape, (_, row) in zip(outlines, frame_.iterrows(), strict=True)
    ]  # fmt: skip
    paper = _Paper(report, base, names, said, frame.lang, top, spots)
    own = len(report.panels) > ON_TITLE
    total = len(report.panels) + 1 + own
    pages = [paper.title(total), *([paper.listed(total)] if own else [])]
    pages += [paper.spot(told, k + 2 + own, total) for k, told in enumerate(report.panels)]
    heading = f"{city_name(report.found.city, frame.lang)} {said['report']}"
    script = (
        f'<script nonce="{nonce}">document.getElementById("print").addEventListener("click", () => print());</script>'
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{LANGUAGES[frame.lang]}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(heading)}</title>'
        f'<link rel="icon" href="{static.url("icon.svg")}"><link rel="stylesheet" href="{static.url("report.css")}">'
        f'</head><body><nav class="tools"><a href="{escape(back)}">{said["report.back"]}</a>'
        f'<button type="button" id="print">{said["report.print"]}</button></nav><main>{"".join(pages)}</main>'
        f"{script}</body></html>"
    )


class _Paper:
    """Writes the pages."""

    def __init__(
        self, report: Report, base: BaseMap, names: Any, said: dict[str, str], lang: str, top: float, spots: Any
    ):
        self.report, self.base, self.names, self.said, self.lang, self.top = report, base, names, said, lang, top
        self.spots = spots
        self.method = str(report.spots.parameters["method"])

    def title(self, total: int) -> str:
        """What was asked, where all hotspots are, and their list."""
        said, report = self.said, self.report
        city = report.found.city
        asked = self._table(report.asked)
        look = report.look
        found = {
            said["counted"]: f"{look['counted']:,}",
            said["left_out"]: f"{look['cases'] - look['counted']:,}",
            said["n_hotspots"]: f"{len(self.spots):,}",
            said["in_hotspots"]: f"{report.spots.facts['in_hotspots']:,}",
        }
        parameters = {k: _told(v) for k, v in report.spots.parameters.items() if v not in (None, "", [])}
        state = {said[f"report.{name}"]: value for name, value in report.state.items()}
        bounds = self.base.bounds
        overview = self._map(bounds, OVERVIEW_PX, "", 14.5) if bounds else ""
        note = ""
        if len(report.panels) < len(self.spots):
            note = said["report.capped"].format(shown=len(report.panels), total=len(self.spots))
        why = said["left_out_why"].format(**{n: f"{look[n]:,}" for n in ("no_location", "outside", "unassigned")})
        about = said.get(f"about.{self.method}", "")
        return self._page(
            f'<header><p class="over">{escape(city_name(city, self.lang))}</p><h1>{said["report"]}</h1>'
            f"<p>{escape(report.asked[said['class']])} · {escape(report.asked[said['report.period']])}</p></header>"
            f'<div class="two"><section><h2>{said["report.asked"]}</h2>{asked}</section>'
            f"<section><h2>{said['report.found']}</h2>{self._table(found)}<h2>{said['report.state']}</h2>"
            f"{self._table(state)}</section></div>{overview}{self._ramp()}"
            f'<p class="small">{about} {said["about.colour"]} {said["about.left_out"]} {why}</p>'
            f'<p class="small parameters">{said["report.parameters"]}: '
            f"{escape('; '.join(f'{k} = {v}' for k, v in parameters.items()))}</p>"
            f"{self._list() if len(report.panels) <= ON_TITLE else ''}"
            f"<p class='note'>{escape(note)} {said['report.ledger']}</p>",
            1,
            total,
            "title",
        )

    def listed(self, total: int) -> str:
        """The list of the hotspots, when it is too long for the title page."""
        return self._page(f"<header><h1>{self.said['report.list']}</h1></header>{self._list()}", 2, total, "listed")

    def _list(self) -> str:
        said, rows = self.said, []
        owners = {str(p["id"]): self._owner(p) for p in self.report.panels}
        places = {str(p["id"]): self._where(p) for p in self.report.panels}
        frame = self.report.spots.frame.head(min(ON_LIST, len(self.report.panels)))
        for _, row in frame.iterrows():
            name = str(row["id"])
            cells = [
                str(row["rank"]), places.get(name, ""), f"{int(row['cases']):,}",
                _figure(row.get("expected"), 1), _figure(row.get("ratio"), 1), _small(row.get("q", row.get("p"))),
                owners.get(name, ""),
            ]  # fmt: skip
            rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
        if not rows:
            return f'<p class="none">{said["no_hotspots"]}</p>'
        columns = ("report.rank", "report.place", "cases", "expected", "ratio", "q", "report.owner")
        head = "".join(f"<th>{said[name]}</th>" for name in columns)
        body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
        heading = "" if len(self.report.panels) > ON_TITLE else f"<h2>{said['report.list']}</h2>"
        return f'{heading}<table class="list">{body}</table>'

    def spot(self, told: dict[str, Any], number: int, total: int) -> str:
        """One hotspot: map, figures, owners, classes, course, exposure, survival."""
        said = self.said
        west, south, east, north = told["bounds"]
        dx, dy = max(east - west, 0.002) * 0.35, max(north - south, 0.0016) * 0.35
        drawn = self._map((west - dx, south - dy, east + dx, north + dy), MAP_PX, str(told["id"]), 16.5)
        figures = {said["cases"]: f"{told['counted']:,}"}
        for name, digits in FIGURES:
            if told.get(name) is not None and not (name == "p" and told.get("q") is not None):
                label = said["cells_n"] if name == "cells" else said[name]
                figures[label] = _small(told[name]) if digits is None else _figure(told[name], digits)
        if told.get("from"):
            figures[said["span"]] = f"{str(told['from'])[:10]} – {str(told['to'])[:10]}"
        kind = said.get(f"pattern.{told.get('pattern')}") or said.get(f"change.{told.get('change')}") or ""
        owners = [(self._department(row), row) for row in told["departments"]]
        classes = [(self._class(row), row) for row in told["classes"]]
        shares = (
            f"<h2>{said['owners']}</h2>{self._shares(owners)}<h2>{said['classes']}</h2>{self._shares(classes)}"
            if told["counted"]
            else ""
        )
        course = (
            f"<h2>{said['trend']} <small>{said['trend.' + told['trend']['unit']]}</small></h2>"
            f"{self._course(told['trend'])}"
            if told["counted"] or any(b["cases"] for b in told["trend"]["bins"])
            else ""
        )
        heading = said["hotspot"].format(rank=told["rank"])
        where = " · ".join(part for part in (self._where(told), kind) if part)
        return self._page(
            f'<header><p class="over">{said["report.of"].format(rank=told["rank"], total=len(self.spots))}</p>'
            f"<h1>{heading} <small>{escape(where)}</small></h1>"
            f"{self._owner_line(told)}</header>"
            f'{drawn}<div class="two"><section><h2>{said["figures"]}</h2>{self._table(figures)}'
            f"<h2>{said['stability']}</h2><p>{self._stability(told['stability_'])}</p>"
            f"<h2>{said['exposure']}</h2>{self._exposure(told['exposure_'])}</section>"
            f"<section>{shares}</section></div>{course}",
            number,
            total,
            "spot",
        )

    # ---- parts

    def _page(self, inner: str, number: int, total: int, kind: str) -> str:
        foot = f"{escape(credit(self.report.found.city, self.lang))} · {escape(self.report.state['made'])}"
        foot = f"<footer><span>{foot}</span><span>{number} / {total}</span></footer>"
        return f'<section class="page {kind}">{inner}{foot}</section>'

    def _map(self, box: Any, size: tuple[int, int], mine: str, most_zoom: float) -> str:
        sheet = Sheet(box, *size, most_zoom=most_zoom)
        image = picture(sheet, self.base, self.report.found.grid, srid=self.report.found.city.srid, top=self.top)
        drawn = [spot | {"mine": spot["id"] == mine} for spot in self.spots]
        drawn.sort(key=lambda spot: (spot["mine"], -spot["rank"]))
        said = (
            self.said["hotspot"].format(rank=next((s["rank"] for s in drawn if s["mine"]), ""))
            if mine
            else self.said["hotspots"]
        )
        return map_html(sheet, image, drawn, self.names, lang=self.lang, said=said, scale="")

    def _ramp(self) -> str:
        marks = "".join(f"<span>{'≥ ' if k == 4 else ''}{self.top * k / 4:g}</span>" for k in range(5))
        fact = self.said["legend.n"].format(
            n=f"{self.report.look['counted']:,}", b=f"{self.report.look['bandwidth_m']:g}"
        )
        return (
            f'<div class="scale"><span>{self.said["legend"]}</span><div><i style="background:{heat.stops()}"></i>'
            f'<div class="marks">{marks}</div></div><span>{fact}</span></div>'
        )

    @staticmethod
    def _table(rows: dict[str, str]) -> str:
        inner = "".join(f"<tr><th>{escape(k)}</th><td>{escape(str(v))}</td></tr>" for k, v in rows.items())
        return f"<table>{inner}</table>"

    def _shares(self, rows: Sequence[tuple[str, dict[str, Any]]]) -> str:
        some, rest = list(rows[:MOST_ROWS]), rows[MOST_ROWS:]
        if rest:
            left = {"cases": sum(r["cases"] for _, r in rest), "share": sum(r["share"] for _, r in rest)}
            some.append((self.said["others"].format(n=len(rest)), left))
        inner = "".join(
            f'<tr><th>{escape(name)}<i style="width:{row["share"]:.1%}"></i></th><td>{row["cases"]:,}</td>'
            f"<td>{row['share']:.0%}</td></tr>"
            for name, row in some
        )
        return f'<table class="shares">{inner}</table>'

    def _department(self, row: dict[str, Any]) -> str:
        return row["name"] or row["department"] or self.said["nobody"]

    def _class(self, row: dict[str, Any]) -> str:
        name = (row["name_en"] if self.lang == "en" else None) or row["name_zh"] or row["name_en"] or row["class"]
        return name or self.said["no_class"]

    def _owner(self, told: dict[str, Any]) -> str:
        if not told["counted"]:
            before = told.get("before")
            return self.said["none_now"].format(before=f"{before:,}") if before else self.said["none_itself"]
        first = told["departments"][0] if told["departments"] else None
        return f"{self._department(first)} ({first['share']:.0%})" if first else self.said["nobody"]

    def _owner_line(self, told: dict[str, Any]) -> str:
        """The owner with the telephone; of a hotspot without a case of its own, why there is none."""
        said = self.said
        if told["counted"]:
            owner = f"{said['report.owner']}: <b>{escape(self._owner(told))}</b>{self._phone(told)}"
        elif told.get("before"):
            owner = said["none_now.told"].format(before=f"{told['before']:,}")
        else:
            owner = said["none_itself.told"]
        return f'<p class="owner">{owner}</p>'

    def _phone(self, told: dict[str, Any]) -> str:
        code = told["departments"][0]["department"] if told["departments"] else None
        return f" · {escape(self.report.phones[code])}" if code in self.report.phones else ""

    def _where(self, told: dict[str, Any]) -> str:
        names = [area["name"] or area["code"] for area in told["areas"][:2]]
        return " · ".join(english(name) if self.lang == "en" else name for name in reversed(names)) or str(told["id"])

    def _stability(self, told: dict[str, Any]) -> str:
        if not told["known"] or told["share"] is None:
            return self.said["stability.none"]
        return self.said["stability.told"].format(share=f"{told['share']:.0%}", n=told["settings"] or 24)

    def _exposure(self, told: dict[str, Any]) -> str:
        said = self.said
        if not told["known"]:
            return f"<p>{escape(said['exposure.none'].format(why=told.get('why', '')))}</p>"
        rows = {}
        usual = told["usual"] or 1.0
        for name, key, scale, digits in (
            ("exposure.found", "found_rate", 1, 3),
            ("exposure.reported", "reported_rate", 1000, 2),
            ("exposure.ratio", "ratio", 1 / usual, 2),
        ):
            stem = key.removesuffix("_rate")
            value, low, high = told[key], told[f"{stem}_low"], told[f"{stem}_high"]
            if value is None:
                rows[said[name]] = said["exposure.unknown"]
                continue
            top = "∞" if high is None else f"{high * scale:.{digits}f}"
            interval = said["interval"].format(low=f"{(low or 0) * scale:.{digits}f}", high=top)
            text = f"{value * scale:.{digits}f} ({interval})"
            city = told.get(f"{stem}_usual")
            rows[said[name]] = text + (
                f"; {said['exposure.city'].format(v=f'{city * scale:.{digits}f}')}" if city else ""
            )
        return self._table(rows).replace("<table>", '<table class="rates">')

    def _course(self, trend: dict[str, Any]) -> str:
        said, bins = self.said, trend["bins"]
        if not bins:
            return f"<p>{said['trend.none']}</p>"
        width, height, foot, head = 680, 84, 14, 11
        top = max(1, *(max(b["cases"], b["expected"]) for b in bins))
        step = (width - 4) / len(bins)

        def y(value: float) -> float:
            return head + (height - head - foot) * (1 - value / top)

        bars = "".join(
            f'<rect class="{"within" if b["within"] else "beyond"}{"" if b["complete"] else " part"}" '
            f'x="{4 + k * step + step * 0.1:.1f}" width="{step * 0.8:.1f}" y="{y(b["cases"]):.1f}" '
            f'height="{y(0) - y(b["cases"]):.1f}"/>'
            for k, b in enumerate(bins)
        )
        line = " ".join(f"{4 + (k + 0.5) * step:.1f},{y(b['expected']):.1f}" for k, b in enumerate(bins))
        every = max(1, -(-46 // max(int(step), 1)))
        ticks = "".join(
            f'<text x="{4 + k * step:.1f}" y="{height - 2}">{b["from"][2:7]}</text>'
            for k, b in enumerate(bins)
            if k % every == 0 and 4 + k * step + 36 <= width
        )
        p = trend["p"]
        kind = "none" if p is None else "even" if p >= 0.05 else "rises" if trend["rise"] > 0 else "falls"
        text = said[f"trend.{kind}"].format(p=_small(p))
        return (
            f'<svg class="course" viewBox="0 0 {width} {height}" role="img" aria-label="{said["trend"]}">{bars}'
            f'<polyline points="{line}"/><text x="4" y="8">{top:g}</text>{ticks}</svg>'
            f'<p class="small"><i class="dash"></i>{said["trend.expected"]}. {text}</p>'
        )


def _figure(value: Any, digits: int) -> str:
    return "" if value is None or value != value else f"{value:,.{digits}f}"


def _small(value: Any) -> str:
    return "" if value is None or value != value else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _told(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
