"""The demo city in the record: loaded layer by layer, and a note on the database that says which city it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
from psycopg2 import sql
from sqlalchemy import Engine

from gis import store
from gis.demo import Demo
from gis.sql import question
from gis.store.engine import transaction
from grids.errors import WanmiError

ORDER = (
    "departments", "areas", "rules", "units", "components", "zones", "roads",
    "rosters", "rivers", "railways", "buildings", "parcels", "drains", "calendars", "cases",
)  # fmt: skip
"""Order of loading: what is referred to comes first."""


def load_demo(engine: Engine, demo: Demo, *, progress: Callable[[str], None] | None = None) -> None:
    """Load every layer of a demo city into an empty record; frames are given up as they are loaded.

    Raises
    ------
    WanmiError
        When a row is rejected, which no row of a demo city may be.
    """
    tell = progress or (lambda _: None)
    store.create_city(engine, demo.city)
    for layer in ORDER:
        tell(f"load {layer}")
        report = store.load(engine, layer, demo.layers.pop(layer))
        if len(report.rejects):
            first = report.rejects.iloc[0]
            raise WanmiError(f"{first['column']} {first['value']!r}: {first['why']}", where=f"demo {layer}")


def write_files(demo: Demo, folder: Path, *, layers: bool = True) -> None:
    """Write the truth, and the layers too, as (Geo)Parquet: ``truth_cases.parquet``, ``cases.parquet`` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = {f"truth_{name}": frame for name, frame in demo.truth.items()} | (demo.layers if layers else {})
    for name, frame in frames.items():
        part = folder / f"{name}.parquet.part"
        named = not isinstance(frame, gpd.GeoDataFrame) and bool(frame.index.name)
        frame.to_parquet(part, index=True if named else None)
        part.replace(folder / f"{name}.parquet")


def read_note(engine: Engine) -> dict[str, Any]:
    """The summary that was noted when the database's demo city was done; empty when there is none."""
    with transaction(engine) as cursor:
        cursor.execute(question("database_note"))
        (text,) = cursor.fetchone()
    try:
        note = json.loads(text or "{}")
    except ValueError:
        return {}
    return note if isinstance(note, dict) and "seed" in note else {}


def write_note(engine: Engine, summary: dict[str, Any]) -> None:
    """Note the summary of a demo city that is done on its database."""
    with transaction(engine) as cursor:
        cursor.execute("SELECT current_database()")
        (name,) = cursor.fetchone()
        note = sql.Literal(json.dumps(summary, ensure_ascii=False))
        cursor.execute(question("database_note_write", database=name, note=note))
