"""Who owned it at one instant, as known at another: random histories of edits against a plain log interpreter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from gis import store, versions
from gis.store.engine import transaction
from tests.gis.versions import histories

CAME = {"new", "repeated", "longer", "shorter", "corrected", "followed", "for a time", "refused"}
TICK = pd.Timedelta(microseconds=1)


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """An empty record, new for each test."""
    engine = store.connect(database)
    with transaction(engine) as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS wanmi CASCADE")
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("count", "rounds", "pairs"),
    [pytest.param(300, 6, 9), pytest.param(10_000, 10, 24, marks=pytest.mark.long)],
)
def test_every_belief_of_every_day_is_told_as_it_was(engine: Engine, count: int, rounds: int, pairs: int):
    """Each plot, each instant, each knowledge: on the very instants of the loads, a tick before, and after them."""
    done = histories.make(engine, count, rounds, seed=count, current_every=1 if count < 1000 else 6)
    assert set(done.came) == CAME and min(done.came.values()) >= 10, done.came
    rng = np.random.default_rng(count)
    learned = pd.DatetimeIndex(done.instants)
    on = np.sort(rng.choice(len(learned), pairs // 3, replace=False))
    after = np.flatnonzero(done.current)
    after = np.sort(rng.choice(after, min(pairs // 3, len(after)), replace=False))
    before, compared, changed, alike = None, 0, 0, 0
    for known_at in [*learned[on], *(learned[on] - TICK), *(done.afterwards[k] for k in after)]:
        snapshot = versions.build(engine, before, known_at=known_at)
        ours, theirs = histories.owners(snapshot, count), histories.naive_owners(done, known_at)
        lost = np.argwhere(ours != theirs)
        assert not len(lost), (known_at, lost[:3].tolist(), done.logs[lost[0][0]], ours[*lost[0]], theirs[*lost[0]])
        compared += ours.size
        changed += int((ours[:, 1:] != ours[:, :-1]).sum())
        alike += snapshot.version in done.current
        before = snapshot
    assert compared == ours.size * (2 * len(on) + len(after)) and changed > compared / 100
    assert alike >= len(after), "what is built of the knowledge of then is the version that answered then"
    print(f"{count:,} histories, {len(learned)} loads, {compared:,} owners compared, {dict(done.came)}")
