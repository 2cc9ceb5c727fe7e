"""Cases counted from memory are those that the record's SQL counts, under any filter and after any edit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, text

from api.atlas import Atlas
from api.held.rows import WHY
from api.statistics.selection import Selection
from api.statistics.source import Recorded
from gis import postgis, store
from gis.batch.record import assign_record
from gis.demo import Demo
from gis.snapshot import Snapshot
from tests.api.conftest import ORDER, open_atlas
from tests.api.test_tiles_heat import random_filter
from tests.conftest import database_name


@pytest.fixture(scope="module")
def record(cluster: postgis.Cluster, small_demo: Demo) -> Iterator[Engine]:
    """A demo city of this module's own; a tenth of its cases came in after the assignment."""
    name = database_name("held")
    engine = store.connect(postgis.ensure_database(name))
    store.create_city(engine, small_demo.city)
    cases = small_demo.layers["cases"]
    for layer in (*ORDER, "rivers"):
        store.load(engine, layer, small_demo.layers[layer])
    store.load(engine, "cases", cases.iloc[: len(cases) * 9 // 10])
    assign_record(engine, Snapshot.compile(small_demo.city, store.city_frames(engine)))
    store.load(engine, "cases", cases.iloc[len(cases) * 9 // 10 :])
    yield engine
    engine.dispose()
    postgis.drop_database(name)


@pytest.fixture(scope="module")
def atlas(record: Engine) -> Iterator[Atlas]:
    with open_atlas(record) as made:
        yield made


@pytest.fixture(scope="module")
def known(record: Engine) -> dict[str, list[str]]:
    with record.connect() as line:

        def of(asked: str) -> list[str]:
            return list(line.execute(text(asked)).scalars())

        groups = "SELECT DISTINCT '2026:' || kind || left(class_code, 2) FROM wanmi.cases WHERE edition = '2026'"
        return {
            "class": [*of(groups), "C", "E"],
            "department": of("SELECT DISTINCT department FROM wanmi.answers WHERE department <> ''"),
            "channel": of("SELECT DISTINCT channel FROM wanmi.cases WHERE channel <> ''"),
            "community": of("SELECT code FROM wanmi.areas_now WHERE set = 'community'"),
        }


def plain(**columns: object) -> pd.DataFrame:
    """Rows in one order, texts as they are written."""
    frame = pd.DataFrame({k: np.asarray(v, dtype=object) if k in TEXTS else v for k, v in columns.items()})
    return frame.sort_values(list(frame.columns), ignore_index=True)


TEXTS = ("unit", "klass", "channel", "department")


def check(atlas: Atlas, record: Engine, selection: Selection) -> tuple[int, int]:
    """Memory and SQL tell the same of a selection; how many cases have a place, and how many none."""
    found, _ = atlas.look(selection)
    held, sql, taken, zone = found.source, Recorded(record), found.wanted, found.city.time_zone
    assert type(held) is not type(sql)
    mine, theirs = held.places(taken), sql.places(taken)
    told = ("total", "unanswered", "no_location", "outside", "first", "last")
    assert [getattr(mine, name) for name in told] == [getattr(theirs, name) for name in told]
    where = [plain(x=p.x, y=p.y, unit=p.unit) for p in (mine, theirs)]
    pd.testing.assert_frame_equal(*where, check_exact=True)
    np.testing.assert_array_equal(mine.by_unit(found.ground.codes), theirs.by_unit(found.ground.codes))
    moments = [s.moments(taken) for s in (held, sql)]
    for name in ("x", "y", "at", "number"):  # in the same order, by time and number
        np.testing.assert_array_equal(*(getattr(m, name) for m in moments))
    for name in ("unit", "department", "klass"):
        np.testing.assert_array_equal(*(np.asarray(getattr(m, name), dtype=object).astype(str) for m in moments))
    both = [source.kinds(taken) for source in (held, sql)]
    kinds = [plain(x=k.x, y=k.y, filed=k.filed, **{n: getattr(k, n) for n in TEXTS}) for k in both]
    pd.testing.assert_frame_equal(*kinds, check_exact=True)
    pd.testing.assert_series_equal(held.days(taken, zone), sql.days(taken, zone), check_index_type=False)
    return len(mine), mine.total - len(mine)


def test_memory_and_sql_tell_the_same_under_random_filters(atlas: Atlas, record: Engine, known):
    rng = np.random.default_rng(17)
    seen = [check(atlas, record, Selection())]
    seen += [check(atlas, record, Selection(**random_filter(rng, record, known)[0])) for _ in range(25)]
    assert sum(n > 0 for n, _ in seen) > 12 and sum(n > 0 for _, n in seen) > 8


def test_after_edits_too_and_the_digest_is_that_of_a_fresh_reading(atlas: Atlas, record: Engine):
    some = "(SELECT case_id FROM wanmi.answers WHERE unit <> '' ORDER BY md5(case_id) DESC LIMIT 20)"
    answered = "(SELECT case_id FROM wanmi.answers WHERE unit <> '' ORDER BY md5(case_id) LIMIT 30)"
    edits = (
        f"UPDATE wanmi.cases SET filed_at = reported_at WHERE id IN {some}",
        f"UPDATE wanmi.cases SET reported_at = reported_at + interval '1.000001 s' WHERE id IN {some}",
        f"DELETE FROM wanmi.answers WHERE case_id IN {answered}",
        f"UPDATE wanmi.answers SET rule = 'outside' WHERE case_id IN {answered}",
        f"UPDATE wanmi.answers SET unit = 'never seen' WHERE case_id IN {some}",
    )
    marks, generation = [atlas.mark], atlas.columns.state.generation
    for edit in edits:
        with record.begin() as line:
            line.execute(text(edit))
        marks.append(atlas.mark)
        here, apart = check(atlas, record, Selection())
        assert here and apart
    assert len(set(marks)) == len(marks), "every edit changes the mark"
    state = atlas.columns.state
    assert state.generation == generation, "few edits need no reading of everything"
    assert len(state.tail) and not (state.tail.flag & WHY).any()
    fresh = type(atlas.columns)(record, atlas.city).state
    assert fresh.digest == state.digest, "what was kept in step is what a fresh reading finds"


def test_days_are_the_citys_across_a_change_of_clocks(atlas: Atlas):
    """Where clocks change a day has 23 or 25 hours."""
    found, _ = atlas.look(Selection())
    days = found.source.days(found.wanted, "Europe/Helsinki")
    at = pd.to_datetime(found.source.moments(found.wanted).at, unit="us", utc=True).tz_convert("Europe/Helsinki")
    right = pd.Series(at.tz_localize(None).normalize()).value_counts().sort_index()
    assert days.tolist() == right.tolist()
    assert days.index.tolist() == [(d - pd.Timestamp(1970, 1, 1)).days for d in right.index]


def test_what_was_known_then_comes_from_the_record(atlas: Atlas):
    found, _ = atlas.look(Selection(known_at=pd.Timestamp.now(tz="UTC")))
    assert isinstance(found.source, Recorded)
