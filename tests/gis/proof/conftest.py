"""Two cities with every rule in them, each as the engine has it and as the checker opens its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest

from gis import demo
from gis.answer import explain
from gis.proof import Ground, opened
from gis.snapshot import Snapshot
from tests import town
from tests.gis.proof import questions


class Place:
    """A city: its frames, snapshot, file and the checker's ground."""

    def __init__(self, city: Any, frames: dict[str, Any], file: Path) -> None:
        self.frames = questions.every_rule(frames, seed=5)
        self.snapshot = Snapshot.compile(city, self.frames, at=town.DAY, known_at=town.DAY)
        self.file = self.snapshot.save(file)
        self.ground = Ground(opened(file))

    def asked(self, n: int, seed: int, **options: Any) -> pd.DataFrame:
        """Random questions."""
        return questions.asked(self.snapshot, self.frames, n, seed, **options)

    def answers(self, frame: pd.DataFrame, *, lang: Callable[[int], str] = lambda _: "en") -> list[dict[str, Any]]:
        """Answers in full, as they come out of JSON."""
        cases = questions.cases(self.snapshot, frame)
        out = []
        for i, (x, y, klass, component) in enumerate(
            zip(frame["x"], frame["y"], frame["class"], frame["component"], strict=True)
        ):
            asked = {"lon": x / 1000, "lat": y / 1000, "crs": "EPSG:4546", "class": klass, "component": component}
            told = {"lang": "zh"} if lang(i) == "zh" else {}
            out.append(orjson.loads(orjson.dumps(explain(cases, i, self.snapshot, asked | told))))
        return out


@pytest.fixture(scope="package")
def small(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(town.CITY, town.layers(), tmp_path_factory.mktemp("proof") / "town.wanmi")


@pytest.fixture(scope="package")
def large(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = demo.make(scale=0.05, seed=3)
    return Place(made.city, made.layers, tmp_path_factory.mktemp("proof") / "demo.wanmi")
