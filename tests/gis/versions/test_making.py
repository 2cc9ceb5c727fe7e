"""Versions out of the record: nothing is built for nothing, what is taken over is right to the bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from sqlalchemy import Engine

from gis import store, versions
from gis.snapshot import Snapshot, reuse
from gis.store import recorded
from gis.store.engine import transaction
from gis.versions.kept import CURRENT
from grids.errors import Conflict, InputError, NotFound
from tests import town


def run(engine: Engine, text: str, *values: object) -> None:
    with transaction(engine) as cursor:
        cursor.execute(text, values)


def alike(one: Snapshot, two: Snapshot) -> None:
    assert one.version == two.version and one.arrays.keys() == two.arrays.keys()
    for name, array in one.arrays.items():
        assert array.dtype == two.arrays[name].dtype and array.tobytes() == two.arrays[name].tobytes(), name


def test_what_has_not_changed_is_not_built_again(engine: Engine, tmp_path: Path):
    stages: list[str] = []
    one = versions.up_to_date(engine, tmp_path, progress=stages.append)
    assert "units" in stages
    stages.clear()
    two = versions.up_to_date(engine, tmp_path, progress=stages.append)
    alike(one, two)
    assert stages == [] and len(versions.listed(tmp_path)) == 1
    with transaction(engine) as cursor:  # a load that says what is known already, and one that is taken back
        cursor.execute("UPDATE wanmi.zones SET name = name WHERE false")
    store.load(engine, "zones", town.layers()["zones"])
    store.load(engine, "zones", town.layers()["zones"].iloc[:0])
    with transaction(engine, commit=False) as cursor:
        cursor.execute("UPDATE wanmi.zones SET name = 'x'")
    assert versions.up_to_date(engine, tmp_path).version == one.version


def test_the_same_record_gives_the_same_version_in_any_folder(engine: Engine, tmp_path: Path):
    one = versions.up_to_date(engine, tmp_path / "a")
    time.sleep(0.01)
    alike(one, versions.up_to_date(engine, tmp_path / "b"))
    alike(one, versions.up_to_date(engine, None))


def test_a_frame_and_the_record_give_the_same_arrays(engine: Engine):
    read = Snapshot.compile(store.read_city(engine), store.city_frames(engine), known_at=town.DAY)
    ours = versions.build(engine, None)
    for name, array in read.arrays.items():
        assert array.tobytes() == ours.arrays[name].tobytes(), name


def box(x: float, y: float, w: float, h: float) -> shapely.MultiPolygon:
    return shapely.MultiPolygon([town.box(x, y, w, h)])


def _move(kind: str) -> str:
    column = ", footprint = ST_SnapToGrid(ST_Translate(footprint, 1, 2), 0.001)" if kind == "zones" else ""
    return f"UPDATE wanmi.{kind} SET geom = ST_SnapToGrid(ST_Translate(geom, 1, 2), 0.001){column} WHERE code = %s"


def edits(rng: np.random.Generator) -> list[Callable[[Engine], None]]:
    """Edits of every layer, in an order of chance."""
    k = int(rng.integers(1_000_000))
    day = pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(days=int(rng.integers(300)))
    zone = f"Z{rng.integers(1, 10)}"
    layers = town.layers()

    def load(layer: str, rows: list[dict]) -> Callable[[Engine], None]:
        return lambda e: _all_in(store.load(e, layer, town.frame(layer, rows)))

    known = layers["zones"].set_index("code").loc["Z2"]
    some = [
        lambda e: run(e, "UPDATE wanmi.zones SET name = %s WHERE code = %s", f"n{k}", zone),
        lambda e: run(e, _move("zones"), zone),
        lambda e: run(e, "DELETE FROM wanmi.zones WHERE code = %s", zone),
        load("zones", [{"code": f"N{k}", "department": "D3", "classes": str(rng.choice(["E", "*", "2026:C01"])),
                        "geometry": town.box(*rng.integers(0, 300, 2), 50, 40), "valid_from": day}]),
        load("zones", [{"code": "Z2", "name": f"市{k}", "department": "D7", "classes": known["classes"],
                        "geometry": known["geometry"], "valid_from": day}]),
        lambda e: run(e, _move("areas"), "P1"),
        load("areas", [{"set": f"s{k % 3}", "code": f"A{k}", "geometry": town.box(0, 0, 30, 30)}]),
        lambda e: run(e, "UPDATE wanmi.departments SET name = %s WHERE code = 'D4'", f"局{k}"),
        load("departments", [{"code": f"{rng.choice(['A', 'D3', 'Z'])}{k}", "name": "新"}]),
        lambda e: run(e, _move("units"), "140802001001001"),
        lambda e: run(e, _move("components"), "14080201002000001"),
        lambda e: run(e, "DELETE FROM wanmi.components WHERE code = '14080201037000002'"),
        load("components", [{"code": f"14080201002{k:06d}", "class": "2026:C01002", "owning": "D6",
                             "geometry": town.point(*rng.integers(0, 400, 2))}]),
        load("rules", [{"class": "2026:C02", "duty": "owning", "radius_m": float(k % 50), "valid_from": day}]),
        lambda e: run(e, "UPDATE wanmi.city SET territory = ARRAY['district', 'community', 'street']"),
        lambda e: run(e, "UPDATE wanmi.city SET name = %s", f"镇{k}"),
        lambda e: run(e, "UPDATE wanmi.classes SET name_zh = %s WHERE code = '01002'", f"类{k}"),
        lambda e: run(e, "TRUNCATE wanmi.rules"),
    ]  # fmt: skip
    return [some[i] for i in rng.permutation(len(some))]


def _all_in(report: store.LoadReport) -> None:
    assert not len(report.rejects), report.rejects.to_string()


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.long)])
def test_what_is_taken_over_is_right_to_the_bit(engine: Engine, tmp_path: Path, seed: int):
    """After every edit the version that was made of an earlier one is the one that is made from nothing."""
    rng = np.random.default_rng(seed)
    taken, seen, made = 0, {versions.up_to_date(engine, tmp_path).version}, edits(rng)
    for edit in made:
        before = versions.up_to_date(engine, tmp_path)
        edit(engine)
        after = versions.up_to_date(engine, tmp_path)
        alike(after, versions.build(engine, None))
        seen.add(after.version)
        taken += sum(before.digests[n] == d for n, d in after.digests.items() if n in before.digests)
    assert taken > 100 and len(seen) > len(made) - 3  # a zone that is gone cannot be moved


def test_layers_that_did_not_change_are_not_even_read(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    versions.up_to_date(engine, tmp_path)
    asked: list[str] = []
    real = recorded.copy_out
    monkeypatch.setattr(recorded, "copy_out", lambda c, n, v, layer: asked.append(layer) or real(c, n, v, layer))

    def read_for(text: str) -> set[str]:
        asked.clear()
        run(engine, text)
        versions.up_to_date(engine, tmp_path)
        return set(asked) - {"departments", "classes"}

    assert read_for("UPDATE wanmi.zones SET name = 'x' WHERE code = 'Z1'") == {"zones"}
    assert read_for("UPDATE wanmi.departments SET name = 'x' WHERE code = 'D1'") == set()
    assert read_for("INSERT INTO wanmi.departments (code, name) VALUES ('A', 'a')") == {
        "areas", "rules", "zones", "components"
    }  # fmt: skip
    assert read_for("UPDATE wanmi.city SET name = 'x'") == {"areas"}
    # another Wanmi compiles all of it
    monkeypatch.setattr(reuse, "maker", lambda: "another")
    assert read_for("UPDATE wanmi.zones SET name = 'y' WHERE code = 'Z1'") == set(recorded.LAYERS)


def test_an_old_version_comes_again_from_its_file_or_the_record(engine: Engine, tmp_path: Path):
    old = versions.up_to_date(engine, tmp_path)
    later = town.frame("zones", [{"code": "N1", "department": "D3", "classes": "*", "geometry": town.box(0, 0, 9, 9)}])
    store.load(engine, "zones", later)
    moved = town.frame("components", [{"code": "14080201002000001", "class": "2026:C01002", "owning": "D4",
                                       "geometry": town.point(7, 7), "valid_from": town.DAY}])  # fmt: skip
    store.load(engine, "components", moved)
    new = versions.up_to_date(engine, tmp_path)
    assert new.version != old.version
    alike(old, versions.again(engine, tmp_path, old.version[:8]))
    versions.find(tmp_path, old.version).unlink()
    with pytest.raises(NotFound, match="no version"):
        versions.find(tmp_path, old.version)
    back = versions.again(engine, tmp_path, old.version)
    alike(old, back)
    assert (back.at, back.known_at) == (old.at, old.known_at)
    with pytest.raises(NotFound, match="no versions begin with 0000"):
        versions.again(engine, tmp_path, "0000")
    run(engine, "UPDATE wanmi.city SET name = 'anders'")  # the city's own facts have one time only
    with pytest.raises(Conflict, match=rf"gives [0-9a-f]{{16}}, not {old.version}"):
        versions.again(engine, tmp_path, old.version)


def test_versions_are_listed_and_pruned_and_the_current_one_stays(engine: Engine, tmp_path: Path):
    made = []
    for i in range(4):
        run(engine, "UPDATE wanmi.zones SET name = %s WHERE code = 'Z1'", str(i))
        made.append(versions.up_to_date(engine, tmp_path).version)
    listed = versions.listed(tmp_path, "town")
    assert [v.version for v in listed] == made[::-1] and [v.current for v in listed] == [True, False, False, False]
    assert all(v.bytes > 1000 for v in listed) and versions.listed(tmp_path, "demo") == []
    kept = versions.Kept.at(versions.folders(tmp_path)[0])
    assert [v.version for v in kept.prune(most=3)] == made[:1]
    assert kept.prune() == [] and kept.prune(days=1) == []
    day_old = time.time() - 90_000
    for v in kept.versions():
        os.utime(v.path, (day_old, day_old))
    assert [v.version for v in kept.prune(days=1)] == made[2:0:-1]
    assert [v.version for v in kept.versions()] == made[3:]
    run(engine, "UPDATE wanmi.zones SET name = 'last' WHERE code = 'Z1'")
    last = versions.up_to_date(engine, tmp_path, most=1)
    assert [v.version for v in versions.listed(tmp_path)] == [last.version]
    (kept.folder / f"20260101T000000.000000Z-{last.version[:4]}{'0' * 12}.wanmi").touch()
    with pytest.raises(InputError, match="2 versions begin with"):
        versions.find(tmp_path, last.version[:4])


def test_a_damaged_version_is_made_anew(engine: Engine, tmp_path: Path):
    one = versions.up_to_date(engine, tmp_path)
    path = versions.find(tmp_path, one.version)
    raw = path.read_bytes()
    for damaged in (raw[:-1] + bytes([raw[-1] ^ 1]), raw[:500], b""):
        path.unlink()  # a file of its own: who has the other one mapped would see the damage
        path.write_bytes(damaged)
        alike(one, versions.up_to_date(engine, tmp_path))
    assert Snapshot.open(path).version == one.version


def test_a_folder_that_cannot_be_written_keeps_nobody_from_an_answer(engine: Engine, tmp_path: Path):
    (tmp_path / "file").touch()
    assert versions.up_to_date(engine, tmp_path / "file" / "folder").version == versions.build(engine, None).version


def test_records_of_one_city_are_not_mistaken(engine: Engine, tmp_path: Path):
    one = versions.up_to_date(engine, tmp_path, where="here")
    first = versions.remembered(tmp_path, "here")
    assert first is not None and versions.version_of(first) == one.version
    with transaction(engine) as cursor:
        cursor.execute("DROP SCHEMA wanmi CASCADE")
    store.create_city(engine, town.CITY)
    two = versions.up_to_date(engine, tmp_path, where="here")
    assert len(two.layer("units")) == 0 and len(versions.folders(tmp_path, "town")) == 2
    second = versions.remembered(tmp_path, "here")
    assert second is not None and second.parent != first.parent and versions.version_of(second) == two.version
    assert versions.remembered(tmp_path, "elsewhere") is None


BUILDER = """
import sys, time
from gis import store, versions
from gis.snapshot import file
if sys.argv[3] == "slow":
    real = file._bytes
    file._bytes = lambda a: (print("writing", flush=True), time.sleep(0.5), real(a))[-1]
print(versions.up_to_date(store.connect(sys.argv[1]), sys.argv[2]).version, flush=True)
"""


def test_a_builder_that_is_killed_leaves_the_way_free(engine: Engine, database: str, tmp_path: Path):
    """kill -9 in the middle of writing: the version before stays, who waits builds, nothing is left over."""
    old = versions.up_to_date(engine, tmp_path)
    run(engine, "UPDATE wanmi.zones SET name = 'x' WHERE code = 'Z1'")
    slow = subprocess.Popen([sys.executable, "-c", BUILDER, database, str(tmp_path), "slow"], stdout=subprocess.PIPE)
    with slow:
        assert slow.stdout is not None and slow.stdout.readline() == b"writing\n"
        folder = versions.folders(tmp_path)[0]
        while not list(folder.glob("*.part")):
            assert slow.poll() is None
            slow.stdout.readline()
        waiting: list[Snapshot] = []
        other = threading.Thread(target=lambda: waiting.append(versions.up_to_date(engine, tmp_path)))
        other.start()
        other.join(0.3)
        assert other.is_alive() and (folder / CURRENT).resolve() == versions.find(tmp_path, old.version)
        os.kill(slow.pid, signal.SIGKILL)
        other.join(20)
    assert waiting[0].version not in ("", old.version) and waiting[0].layer("zones").columns["name"][-1:]
    assert not list(folder.glob("*.part"))


def test_many_at_once_build_once(engine: Engine, database: str, tmp_path: Path):
    command = [sys.executable, "-c", BUILDER, database, str(tmp_path), "quick"]
    three = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = {one.communicate(timeout=60)[0] for one in three}
    assert len(told) == 1 and len(versions.listed(tmp_path)) == 1
