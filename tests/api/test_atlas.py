"""What an atlas keeps is made once, however many ask for it at the same time."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.atlas import Atlas
from api.service import Service
from tests.api.conftest import settings


@pytest.fixture
def atlas() -> Atlas:
    return Atlas(Service(settings("")))


def test_many_ask_and_one_makes(atlas: Atlas):
    made, gate = [], threading.Barrier(8)

    def ask(_: int) -> object:
        gate.wait()
        return atlas.keep(("thing", 1), lambda: time.sleep(0.05) or made.append(1) or object())

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert len(made) == 1 and len({id(one) for one in found}) == 1


def test_while_one_thing_is_made_others_are_not_kept_waiting(atlas: Atlas):
    slow, done = threading.Event(), threading.Event()
    beside = threading.Thread(target=lambda: atlas.keep(("slow",), lambda: slow.set() or done.wait(20)))
    beside.start()
    assert slow.wait(20) and atlas.keep(("quick",), lambda: 7) == 7
    done.set()
    beside.join(20)


def test_what_fails_is_tried_again(atlas: Atlas):
    with pytest.raises(ZeroDivisionError):
        atlas.keep(("thing", 2), lambda: 1 // 0)
    assert atlas.keep(("thing", 2), lambda: "made") == "made"
    assert atlas.keep(("thing", 2), lambda: 1 // 0) == "made"


def test_of_each_kind_the_latest_used_are_kept(atlas: Atlas):
    for k in range(4):
        atlas.keep(("a", k), lambda k=k: k, most=3)
        atlas.keep(("b", k), lambda k=k: k, most=9)
        atlas.keep(("a", 1), lambda: "anew", most=3) if k > 1 else None
    assert atlas.keep(("a", 1), lambda: "anew", most=3) == 1, "it was used last"
    assert atlas.keep(("a", 0), lambda: "anew", most=3) == "anew", "it was used first"
    assert [atlas.keep(("b", k), lambda: "anew", most=9) for k in range(4)] == [0, 1, 2, 3]
