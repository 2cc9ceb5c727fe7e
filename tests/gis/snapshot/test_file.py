"""Snapshot files: what is promised to be found is found, whatever byte is wrong and wherever the file ends."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.snapshot import Snapshot
from gis.snapshot.file import FORMAT, read_header
from grids.errors import InputError
from tests import town


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The town as a file."""
    made = Snapshot.compile(town.CITY, town.layers(), at=town.DAY, known_at=town.DAY)
    return made.save(tmp_path_factory.mktemp("file") / "town.wanmi")


@pytest.fixture(scope="module")
def hurt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Place of a file to be damaged."""
    return tmp_path_factory.mktemp("hurt") / "hurt.wanmi"


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        Snapshot.open(path)
    line = str(caught.value)
    assert "\n" not in line and str(path) in line and "build it again" in line
    return line


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_flipped_bit_anywhere_is_found(whole: Path, hurt: Path, data: st.DataObject):
    raw = bytearray(whole.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    hurt.write_bytes(raw)
    refused(hurt)


def test_every_byte_between_the_arrays_is_covered(whole: Path, hurt: Path):
    """The gaps hold zeros that no digest covers; each is looked at all the same."""
    raw = whole.read_bytes()
    head = read_header(whole)
    size = int.from_bytes(raw[8:16], "little")
    start = 48 + size + -(48 + size) % 64
    spans = sorted((place, place + int(np.prod(shape)) * np.dtype(kind).itemsize)
                   for kind, shape, place, _ in head["arrays"].values())  # fmt: skip
    gaps = [start + at for (_, end), (begin, _) in itertools.pairwise(spans) for at in range(end, begin)]
    assert len(gaps) > 50 and start + head["bytes"] == len(raw)
    for at in [*range(48 + size, start), *gaps][:: max(1, len(gaps) // 60)]:
        hurt.write_bytes(raw[:at] + b"\1" + raw[at + 1 :])
        refused(hurt)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_file_that_ends_early_or_late_is_found(whole: Path, hurt: Path, data: st.DataObject):
    raw = whole.read_bytes()
    end = data.draw(st.integers(0, len(raw) - 1))
    hurt.write_bytes(raw[:end])
    line = refused(hurt)
    assert "ends too early" in line or (end < 8 and "not a snapshot file" in line)
    hurt.write_bytes(raw + bytes(data.draw(st.binary(min_size=1, max_size=100))))
    assert "follows its end" in refused(hurt)


@pytest.mark.parametrize("made", [b"", b"\n" * 500, b"PK\x03\x04" * 100, os.urandom(4096)])
def test_what_is_no_snapshot_is_told_so(hurt: Path, made: bytes):
    hurt.write_bytes(made)
    assert "not a snapshot file" in refused(hurt)


def test_another_layout_another_city_a_folder(whole: Path, hurt: Path):
    raw = bytearray(whole.read_bytes())
    raw[6] = 1
    hurt.write_bytes(raw)
    assert f"a snapshot file of layout 1; this Wanmi reads layout {FORMAT}" in refused(hurt)
    with pytest.raises(InputError, match=r"a snapshot of 'town', not of 'demo'; name a snapshot of 'demo'"):
        Snapshot.open(whole, city="demo")
    with pytest.raises(InputError, match=r"cannot be read, is a directory"):
        Snapshot.open(whole.parent)
    with pytest.raises(InputError, match=r"no such snapshot file"):
        Snapshot.open(whole.parent / "none.wanmi")


def test_an_exchanged_header_is_found(whole: Path, hurt: Path):
    """Another city's facts over these arrays: the version no longer fits, even with a digest that does."""
    from blake3 import blake3

    raw = whole.read_bytes()
    size = int.from_bytes(raw[8:16], "little")
    head = json.loads(raw[48 : 48 + size])
    head["known_at"] = head["known_at"].replace("2026", "2025")
    new = json.dumps(head, sort_keys=True).encode()
    assert len(new) == size
    hurt.write_bytes(raw[:16] + blake3(new).digest() + new + raw[48 + size :])
    assert "does not match its version" in refused(hurt)


def test_the_instant_of_cases_is_no_part_of_the_version():
    one, two = (Snapshot.compile(town.CITY, town.layers(), at=at, known_at=town.DAY) for at in ("2026-01-01", None))
    assert one.version == two.version and one.at != two.at


def test_a_write_that_fails_leaves_nothing(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    snapshot = Snapshot.open(whole)
    target = tmp_path / "full.wanmi"
    target.write_bytes(b"what was there")

    def full(self: Path, other: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        snapshot.save(target)
    assert [p.name for p in tmp_path.iterdir()] == ["full.wanmi"] and target.read_bytes() == b"what was there"


READER = """
import sys, time
from gis.snapshot import Snapshot
snapshot = Snapshot.open(sys.argv[1])
print("open", flush=True)
total = sum(int(a.reshape(-1).view("u1")[::512].astype(int).sum()) for a in snapshot.arrays.values())
print(total, flush=True)
sys.stdin.readline()
"""


def shares(pid: int, path: Path) -> dict[str, int]:
    """Kilobytes of a process's mapping of a file: Rss, Pss, Private_Dirty, Anonymous."""
    found: dict[str, int] = {}
    inside = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, _, rest = line.partition(":")
        if "-" in name.split(" ")[0] and " " in line and not rest.strip().endswith("kB"):
            inside = line.endswith(str(path))
        elif inside and name in ("Rss", "Pss", "Private_Dirty", "Anonymous"):
            found[name] = found.get(name, 0) + int(rest.split()[0])
    return found


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A snapshot of 40 MB."""
    layers = town.layers()
    made = Snapshot.compile(town.CITY, layers, at=town.DAY, known_at=town.DAY)
    more = np.arange(5_000_000, dtype=np.int64)
    arrays = {**made.arrays, "zzz": more}
    from gis.snapshot import file

    digests = file.digests(arrays)
    bent = Snapshot(made.city, made.at, made.known_at, arrays, "", digests)
    return Snapshot(made.city, made.at, made.known_at, arrays, bent._version(), digests).save(tmp_path / "large.wanmi")


@pytest.fixture
def readers(large: Path) -> Iterator[list[subprocess.Popen]]:
    """Three processes that have read all of it."""
    command = [sys.executable, "-c", READER, str(large)]
    three = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for one in three:
        assert one.stdout is not None
        assert one.stdout.readline() == "open\n" and int(one.stdout.readline()) > 0
    yield three
    for one in three:
        one.communicate("\n")


def test_processes_share_the_pages_of_a_file(large: Path, readers: list[subprocess.Popen]):
    megabytes = large.stat().st_size / 1000
    found = [shares(one.pid, large) for one in readers]
    assert all(f["Rss"] > 0.9 * megabytes / 1.024 for f in found)
    assert all(f["Private_Dirty"] == 0 and f["Anonymous"] == 0 for f in found)
    # each pays its part only: three of them hold the file once
    assert sum(f["Pss"] for f in found) < 1.1 * megabytes


def test_a_file_that_is_replaced_or_removed_lives_on_for_who_has_it_open(whole: Path, tmp_path: Path):
    path = tmp_path / "town.wanmi"
    path.write_bytes(whole.read_bytes())
    opened = Snapshot.open(path)
    before = {name: array.copy() for name, array in opened.arrays.items()}
    Snapshot.compile(town.CITY, {}, at=town.DAY, known_at=town.DAY).save(path)
    assert all(np.array_equal(before[name], array) for name, array in opened.arrays.items())
    path.unlink()
    assert all(np.array_equal(before[name], array) for name, array in opened.arrays.items())


def test_opening_checks_everything_and_is_quick(large: Path):
    best = min(_timed(large) for _ in range(5))
    assert best < 0.1, f"{best:.3f} s for {large.stat().st_size / 1e6:.0f} MB"


def _timed(path: Path) -> float:
    begin = time.perf_counter()
    Snapshot.open(path)
    return time.perf_counter() - begin


def test_a_set_may_have_a_point_in_its_name(tmp_path: Path):
    layers = town.layers()
    areas = layers["areas"]
    more = areas[areas["set"] == "street"]
    layers["areas"] = pd.concat(
        [areas, more.assign(set="ward", parent=""), more.head(1).assign(set="ward.2013/b <i>", parent="")],
        ignore_index=True,
    )
    made = Snapshot.compile(town.CITY, layers, at=town.DAY, known_at=town.DAY)
    made.save(tmp_path / "dots.wanmi")
    opened = Snapshot.open(tmp_path / "dots.wanmi")
    assert {"ward", "ward.2013/b <i>"} <= set(opened.area_sets)
    for one in (made, opened):
        sizes = {name: len(one.layer(f"areas/{name}").begins) for name in ("street", "ward", "ward.2013/b <i>")}
        assert sizes == {"street": len(more), "ward": len(more), "ward.2013/b <i>": 1}
