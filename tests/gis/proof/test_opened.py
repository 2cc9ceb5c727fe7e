"""The checker's reader of snapshot files: what it takes, and that no byte may change."""

from __future__ import annotations

import json

import numpy as np
import pytest
from blake3 import blake3

from gis.proof import opened
from gis.snapshot import file
from grids.errors import InputError


def test_it_reads_what_was_written(small):
    head, arrays = file.read(small.file)
    found = opened(small.file)
    assert found.version == small.snapshot.version and found.header == head
    assert found.arrays.keys() == arrays.keys()
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())


def test_a_flipped_byte_anywhere_is_found(small, tmp_path):
    data = bytearray(small.file.read_bytes())
    size = int.from_bytes(data[8:16], "little")
    rng = np.random.default_rng(1)
    spots = [*range(48), *rng.integers(48, 48 + size, 60), *rng.integers(48 + size, len(data), 400), len(data) - 1]
    path = tmp_path / "flipped.wanmi"
    for at in map(int, spots):
        data[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"flipped\.wanmi: "):
            opened(path)
        data = bytearray(small.file.read_bytes())


@pytest.mark.parametrize("size", [0, 5, 8, 40, 300, 5000, -1])
def test_a_file_that_ends_early_is_found(small, tmp_path, size):
    path = tmp_path / "short.wanmi"
    path.write_bytes(small.file.read_bytes()[:size])
    with pytest.raises(InputError, match=r"short\.wanmi: "):
        opened(path)


def test_something_behind_the_end_is_found(small, tmp_path):
    path = tmp_path / "long.wanmi"
    path.write_bytes(small.file.read_bytes() + b"\0")
    with pytest.raises(InputError, match="something follows its end"):
        opened(path)


@pytest.mark.parametrize(
    ("layout", "said"),
    [(file.FORMAT + 1, "newer than this checker .*the Wanmi that wrote it, or a later one"), (1, "older than this")],
)
def test_another_layout_is_told(small, tmp_path, layout, said):
    data = bytearray(small.file.read_bytes())
    data[6] = layout
    path = tmp_path / "other.wanmi"
    path.write_bytes(data)
    with pytest.raises(InputError, match=said):
        opened(path)


def test_a_version_that_is_not_its_contents_is_found(small, tmp_path):
    data = small.file.read_bytes()
    size = int.from_bytes(data[8:16], "little")
    head = json.loads(data[48 : 48 + size])
    for name, value in (("version", "0123456789abcdef"), ("known_at", "2026-07-02T00:00:00+00:00")):
        new = json.dumps({**head, name: value}, sort_keys=True).encode().ljust(size)[:size]
        if len(json.dumps({**head, name: value}, sort_keys=True)) != size:
            continue
        path = tmp_path / f"{name}.wanmi"
        path.write_bytes(data[:16] + blake3(new).digest() + new + data[48 + size :])
        with pytest.raises(InputError, match="does not match its version"):
            opened(path)


def test_what_is_no_file(tmp_path):
    with pytest.raises(InputError, match="no such snapshot file"):
        opened(tmp_path / "none.wanmi")
    (tmp_path / "text.wanmi").write_text("a text that is long enough")
    with pytest.raises(InputError, match="not a snapshot file"):
        opened(tmp_path / "text.wanmi")
