"""Markup in any text that reaches the report or the mailed file is text: nothing of it is executed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By

from api.atlas import Atlas
from api.pages import heat
from api.pages.frame import Frame
from api.pages.hotspots import HERE
from api.pages.hotspots_file import Told, filed
from api.pages.hotspots_report import Report, report_page
from api.pages.hotspots_words import words
from api.service import Service
from api.statistics.gathered import Gathering
from api.statistics.gathering import gather
from api.statistics.look_told import tell_look
from api.statistics.selection import Selection
from api.statistics.spots import join_spots
from api.statistics.spots_told import tell_all
from api.statistics.way import Way
from tests.api.conftest import settings
from tests.browser import chromium

EVIL = "</title></style></script><script>window.hurt=1</script><img src=x onerror='window.hurt=2'>\"'><b onclick=a>"
DATES = ("from", "to", "first", "last")


@pytest.fixture(scope="module")
def atlas(demo_dsn: str) -> Iterator[Atlas]:
    service = Service(settings(demo_dsn, follow=False))
    service.open()
    yield Atlas(service)
    service.close()


@pytest.fixture(scope="module")
def told(atlas: Atlas) -> tuple[Any, Told]:
    """What is found, and all that is told of it, with markup in every text that comes from the record."""
    city = atlas.city
    found, _ = atlas.look(Selection.read(city, "2026:E09", "2026-01-01", "2026-07-01"))
    engine, book = atlas.service.engine, atlas.book
    spots = join_spots(gather(engine, book, found, Way.read(method="gi", cells="unit")), city.srid)
    spots = Gathering(spots.frame.head(3), spots.parameters, spots.facts)
    panels, alerts = tell_all(engine, book, found, spots, measures=None, most=3)
    zero = list(panels)[-1]  # and one that holds no case itself
    panels[zero] |= {"counted": 0, "departments": [], "classes": [], "channels": []}
    hurt = {name: _hurt(panel) for name, panel in panels.items()}
    found = replace(found, city=replace(city, name=city.name + EVIL))
    return found, Told(spots, hurt, _hurt(alerts))


def _hurt(thing: Any, name: str = "") -> Any:
    """The same with markup behind every text but those that scripts go by."""
    if isinstance(thing, dict):
        return {key: _hurt(value, key) for key, value in thing.items()}
    if isinstance(thing, list):
        return [_hurt(value, name) for value in thing]
    by = ("id", "codes", "type", "unit", "event", "method", "cells", "p_by", "pattern", *DATES)
    return thing + EVIL if isinstance(thing, str) and name not in by else thing


def names(atlas: Atlas) -> list[Any]:
    return [[one[0] + EVIL, one[1] + EVIL, *one[2:]] for one in atlas.ground[1]]


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.browser
def test_nothing_is_executed(atlas: Atlas, told: tuple[Any, Told], tmp_path: Path, lang: str):
    found, about = told
    base, said = atlas.ground[0], words(lang)
    phones = dict.fromkeys(_codes(about), "110" + EVIL)
    asked = {said[name]: "x" + EVIL for name in ("class", "report.period", "department", "area")}
    whole = Report(
        found, about.spots, list(about.panels.values()), tell_look(found, heat.top_density(found.grid)), asked,
        {"snapshot": "s" + EVIL, "mark": "m" + EVIL, "made": "now" + EVIL}, phones,
    )  # fmt: skip
    page = report_page(whole, base, names(atlas), frame=Frame(f"{HERE}/report", lang=lang), back="/?a=" + EVIL)
    both = {"zh": "类" + EVIL, "en": "class" + EVIL}
    file = filed(found, about, base, names(atlas), asked=both, lang=lang)
    assert EVIL not in page and EVIL not in file and "<b onclick" not in page + file
    with chromium() as browser:
        for name, html in (("report", page), ("file", file)):
            place = tmp_path / f"{name}.html"
            place.write_text(html)
            browser.driver.get(place.as_uri())
            if name == "file":
                browser.wait(lambda: browser.driver.find_elements(By.CSS_SELECTOR, "#spots button"), "it is shown")
                for button in browser.driver.find_elements(By.CSS_SELECTOR, "#spots button"):
                    button.click()
                    browser.wait(lambda: browser.driver.find_elements(By.ID, "spot-cases"), "the panel")
                assert said["none_itself.told"][:12] in browser.driver.find_element(By.ID, "spot").text
                browser.driver.find_element(By.ID, "tab-alerts").click()
                browser.driver.find_element(By.ID, "tab-spots").click()
                browser.driver.find_elements(By.CSS_SELECTOR, "#spots button")[0].click()
            assert EVIL in browser.driver.execute_script("return document.body.textContent"), "it is told as text"
            script = (
                "return [window.hurt === undefined, document.querySelectorAll('main img[src=x], [onclick]').length]"
            )
            assert browser.driver.execute_script(script) == [True, 0]


def _codes(told: Told) -> list[str]:
    return [row["department"] for panel in told.panels.values() for row in panel["departments"] if row["department"]]
