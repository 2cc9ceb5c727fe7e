"""A village to load: the town with the layers that it lacks, and how a department's versions read."""

from __future__ import annotations

import pandas as pd
import shapely
from sqlalchemy import Engine

from gis import store
from gis.store.engine import transaction
from tests import town

UTC = "UTC"
ORDER = ("departments", "areas", "rules", "units", "components", "zones", "rosters", "roads", "calendars", "cases")


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz=UTC)


def more_layers() -> dict[str, pd.DataFrame]:
    """The layers that the town lacks."""
    at = town.DAY
    return town.layers() | {
        "rosters": town.frame(
            "rosters",
            [
                {"team": "一组", "person": "甲", "department": "D8", "area_set": "patrol", "area": "P1",
                 "valid_from": at, "valid_to": day("2026-08-01")},
                {"team": "一组", "person": "甲", "valid_from": day("2026-08-01")},
            ],
        ),
        "roads": town.frame(
            "roads",
            [
                {"code": "w1", "name": "解放路", "kind": "primary", "width_m": 24.0, "lanes": 4.0,
                 "geometry": shapely.LineString([(town.X0, town.Y0), (town.X0 + 400, town.Y0)])},
                {"code": "w2", "geometry": town.box(0, 0, 10, 10)},
            ],
        ),
        "calendars": town.frame(
            "calendars",
            [
                {"day": pd.Timestamp("2026-10-01"), "working": False, "note": "国庆节"},
                {"day": pd.Timestamp("2026-10-10"), "working": True, "note": "调休"},
            ],
        ),
        "cases": town.frame(
            "cases",
            [
                {"id": "K1", "class": "2026:E06010", "reported_at": at, "geometry": town.point(5, 5),
                 "accuracy_m": 8.5, "channel": "hotline", "status": "closed", "closed_at": at, "returns": 1.0,
                 "address": "解放路12号, \"东\"\n后门", "department": "free text"},
                {"id": "K2", "no_location": "missing", "reported_at": at, "geometry": None},
                {"id": "K3", "class": "2013:C0103", "component": "1408020103000001", "reported_at": at,
                 "geometry": town.point(1, 1)},
            ],
        ),
    }  # fmt: skip


def department(code: str, name: str, **more: object) -> pd.DataFrame:
    return town.frame("departments", [{"code": code, "name": name, **more}])


def versions(engine: Engine, code: str) -> list[tuple[str, str, str]]:
    """What is believed now of a department: name, from, to."""
    with transaction(engine) as cursor:
        cursor.execute(
            """SELECT name, CASE WHEN isfinite(valid_from) THEN valid_from::date::text ELSE '' END,
                      CASE WHEN isfinite(valid_to) THEN valid_to::date::text ELSE '' END
               FROM wanmi.departments WHERE code = %s AND replaced_at = 'infinity' ORDER BY valid_from""",
            [code],
        )
        return cursor.fetchall()


def came(report: store.LoadReport) -> tuple[int, int, int, int, int]:
    return report.inserted, report.changed, report.unchanged, report.retired, len(report.rejects)
