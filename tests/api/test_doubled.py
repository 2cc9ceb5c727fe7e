"""A field twice in one object is found, wherever it stands and however it is written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.doubled import Doubled, marked, suspected
from api.errors import Unreadable


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        (b"{}", False),
        (b'{"a": 1, "b": [{"a": 1}, {"a": 2}]}', False),
        (b'{"a": "a", "b": "\\"a\\":", "c": ":"}', False),
        (b'{"a": 1, "b": 2, "a" : 3}', True),
        (b'{"a": {"b": 1}, "b": 2, "a": 3}', True),
        (b'[{"lon": 1, "lat": 2}, {"lon": 1,\n "lat": 2,\t"lon"\r:3}]', True),
        (b'{"lon": 1, "l\\u006fn": 2}', True),
        (b'{"a": 1', False),
        (b'"a', False),
        (b"]]}", True),
    ],
)
def test_what_is_suspected(text: bytes, twice: bool):
    assert suspected(text) is twice


KEYS = st.sampled_from(["lon", "lat", "class", "at", "a:b", "é", ""])


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(KEYS, st.integers(0, 9) | KEYS), max_size=5), max_size=5))
def test_the_quick_look_misses_none_and_suspects_no_other(objects: list[list[tuple]]):
    texts = [
        "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}: {json.dumps(v)}" for k, v in o) + "}" for o in objects
    ]
    body = ('{"cases": [' + ", ".join(texts) + "]}").encode()
    twice = [len({k for k, _ in o}) < len(o) for o in objects]
    assert suspected(body) is any(twice)
    assert [isinstance(o, Doubled) for o in marked(body)["cases"]] == twice


def test_the_slow_look_names_the_field():
    found = marked(b'{"cases": [{"l\\u006fn": 1, "lat": 2, "lon": 3}, {"lon": 1}]}')["cases"]
    assert isinstance(found[0], Doubled) and found[0].field == "lon" and not isinstance(found[1], Doubled)


def test_deep_nesting_is_told():
    with pytest.raises(Unreadable, match="nested too deeply"):
        marked(b"[" * 100_000 + b"]" * 100_000)
