"""The page on the two clocks: its story happens, and every question in it has the answer that the page gives."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from api.app import create_app
from api.cli import main
from gis import postgis, store
from gis.store.engine import transaction
from tests import town
from tests.api.conftest import serving, settings
from tests.api.test_past import patiently
from tests.conftest import database_name

PAGE = (Path(__file__).parents[2] / "docs" / "two-clocks.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.S)
KNOWN = {"5 January": "2026-01-05T09:00:00+08:00", "3 August": "2026-08-03T09:00:00+08:00"}


@pytest.fixture(scope="module")
def story(cluster: postgis.Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A record in which the page's story has happened on the page's days."""
    name = database_name("two_clocks")
    dsn = postgis.ensure_database(name)
    engine = store.connect(dsn)
    store.create_city(engine, town.CITY)
    departments = [{"code": "HW", "name": "环卫中心"}, {"code": "SC", "name": "市场所"}]
    store.load(engine, "departments", town.frame("departments", departments))
    (letter,) = (text for kind, text in BLOCKS if kind == "csv")
    folder = tmp_path_factory.mktemp("letter")
    (folder / "august.csv").write_text(letter)
    (folder / "january.csv").write_text(letter.replace(",SC,", ",HW,").replace(",2026-07-01,", ",,"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANMI_DSN", dsn)
        patch.chdir(folder)
        for file, instant in (("january.csv", KNOWN["5 January"]), ("august.csv", KNOWN["3 August"])):
            assert main(["load", "zones", file, "--crs", "EPSG:4326"]) == 0
            with transaction(engine) as cursor:  # the clock of the story
                for column in ("replaced_at", "recorded_at"):
                    for table in ("zones", "departments"):
                        late = f"{column} > now() - interval '1 hour' AND isfinite({column})"
                        cursor.execute(f"UPDATE wanmi.{table} SET {column} = %s WHERE {late}", [instant])
    engine.dispose()
    yield dsn
    postgis.drop_database(name)


def day(text: str) -> str:
    """A day of the table, in the year of the story; "" for now."""
    return "" if text == "now" else pd.Timestamp(f"{text} 2026").strftime("%Y-%m-%d")


def test_the_table_of_answers(story: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    rows = re.findall(r"^\| (\d+ \w+) \| (now|\d+ \w+) \| (\w+) \|", PAGE, re.M)
    assert [who for *_, who in rows] == ["SC", "HW", "HW", "HW"]
    monkeypatch.setenv("WANMI_DSN", story)
    monkeypatch.setenv("WANMI_SNAPSHOTS", str(tmp_path))
    spot = {"lon": 111.001, "lat": 35.0305, "class": "2026:E06010"}
    for at, known_at, who in rows:
        when = ["--at", day(at)] + (["--known-at", day(known_at)] if day(known_at) else [])
        assert main(["resolve", "111.001", "35.0305", "--class", "2026:E06010", *when, "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert answer["owner"]["department"] == who, (at, known_at)
        assert answer["at"] == pd.Timestamp(day(at), tz="Asia/Shanghai").tz_convert("UTC").strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        )
    with serving(create_app(settings(story, snapshots=str(tmp_path))), story) as service:
        for at, known_at, who in rows:
            query = {"at": day(at)} | ({"known_at": day(known_at)} if day(known_at) else {})
            answer = patiently(service.get, "/v1/resolve", **spot, **query)
            assert answer.json()["owner"]["department"] == who, answer.text
            (zone,) = service.get("/v1/zones", **query).json()["features"]
            assert zone["properties"]["department"] == who


def test_the_table_of_rows(story: str):
    said = re.findall(r"^\| (HW|SC) \| (\w[^|]*) \| (\w[^|]*) \| (\w[^|]*) \| (\w[^|]*) \|$", PAGE, re.M)
    engine = store.connect(story)
    with transaction(engine) as cursor:
        cursor.execute("SET TIME ZONE 'Asia/Shanghai'")
        cursor.execute(
            "SELECT department, valid_from::text, valid_to::text, recorded_at::text, replaced_at::text "
            "FROM wanmi.zones ORDER BY recorded_at, valid_from"
        )
        rows = cursor.fetchall()
    engine.dispose()
    words = {"-infinity": "always", "infinity": "for ever"}
    there = []
    for department, *times in rows:
        shown = [words.get(t) or f"{pd.Timestamp(t[:10]):%-d %B}" for t in times]
        shown[3] = "still believed" if times[3] == "infinity" else shown[3]
        there.append((department, *shown))
    assert there == [tuple(row) for row in said] and len(there) == 3


def test_every_question_in_sql(story: str):
    engine = store.connect(story)
    asked = 0
    with transaction(engine) as cursor:
        for text in (text for kind, text in BLOCKS if kind == "sql"):
            cursor.execute(text)
            wanted = re.findall(r"^-- → (.*)$", text, re.M)
            if not wanted:
                continue
            rows = [" | ".join("" if v is None else str(v) for v in row).rstrip() for row in cursor.fetchall()]
            assert rows == wanted, text
            asked += 1
        cursor.execute("SELECT proname FROM pg_proc WHERE proname LIKE %s", ["%\\_at"])
        there = {name for (name,) in cursor if name.endswith("_at")}
    engine.dispose()
    named = set(re.findall(r"`(\w+_at)`", PAGE)) - {"known_at", "recorded_at", "replaced_at"}
    assert asked == 4 and len(named) == 7 and named <= there


def test_every_command(story: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setenv("WANMI_DSN", story)
    monkeypatch.setenv("WANMI_SNAPSHOTS", str(tmp_path / "kept"))
    monkeypatch.chdir(tmp_path)
    Path("july.csv").write_text("id,class,lon,lat,reported_at\n1,2026:E06010,111.001,35.0305,2026-07-02\n")
    (commands,) = (text for kind, text in BLOCKS if kind == "sh" and "wanmi resolve" in text)
    for line in commands.strip().splitlines():
        assert main(shlex.split(line)[1:]) == 0, line
    told = capsys.readouterr().out
    assert told.startswith("环卫中心 (HW)") and "known at 2026-01-05T01:00:00Z" not in told
    assert pd.read_parquet("july.parquet")["department"].tolist() == ["HW"]
    assert main(["assign", "july.csv", "--out", "now.parquet"]) == 0
    assert pd.read_parquet("now.parquet")["department"].tolist() == ["SC"]
    Path("undated.csv").write_text("id,class,lon,lat\n1,2026:E06010,111.001,35.0305\n")
    for at, who in (("2026-06-15", "HW"), ("2026-07-02", "SC")):
        assert main(["assign", "undated.csv", "--out", "undated.parquet", "--at", at]) == 0
        assert pd.read_parquet("undated.parquet")["department"].tolist() == [who]
    capsys.readouterr()
    resolve = ["resolve", "111.001", "35.0305", "--snapshot", "believed.wanmi"]
    assert main([*resolve, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["owner"]["department"] == "HW" and answer["at"] == "2026-07-01T16:00:00Z"
    for arguments, says in (
        (
            [*resolve, "--known-at", "2026-01-06"],
            "the snapshot knows what was recorded until 2026-07-01T16:00:00+00:00",
        ),
        ([*resolve, "--known-at", "2199-01-01"], "has not come yet"),
        (
            [*resolve[:3], "--known-at", "2026-01-04"],
            "is before the first record; ask from 2026-01-05T01:00:00+00:00 on",
        ),
        (["assign", "--at", "2026-07-01"], "--at without FILE"),
    ):
        assert main(arguments) == 2
        line = capsys.readouterr().err
        assert says in line and line.count("\n") <= 3
