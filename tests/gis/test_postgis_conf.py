"""The settings of the private PostGIS on machines small and large."""

import pytest

from gis.postgis_conf import GB, MB, Machine, settings, text


def machine(**other: int) -> Machine:
    return Machine(**{"memory": 8 * GB, "cores": 2, "shm": 4 * GB, "disk": 100 * GB, **other})


@pytest.mark.parametrize(
    ("memory", "shared", "maintenance"),
    [(GB // 2, "64MB", "64MB"), (4 * GB, "256MB", "128MB"), (256 * GB, "256MB", "256MB")],
)
def test_memory(memory: int, shared: str, maintenance: str) -> None:
    values = settings(machine(memory=memory))
    assert (values["shared_buffers"], values["maintenance_work_mem"]) == (shared, maintenance)


def test_server_keeps_what_it_promised_on_any_machine() -> None:
    for one in (machine(memory=GB // 2, cores=1, shm=0, disk=0), machine(memory=1 << 40, cores=128)):
        values = settings(one)
        assert values["listen_addresses"] == ""
        assert values["fsync"] == values["synchronous_commit"] == values["full_page_writes"] == "on"
        assert values["max_parallel_workers"] == str(one.cores)


def test_small_shared_memory_of_a_container() -> None:
    assert settings(machine(shm=64 * MB))["dynamic_shared_memory_type"] == "mmap"
    assert settings(machine())["dynamic_shared_memory_type"] == "posix"


def test_small_disk() -> None:
    assert settings(machine(disk=10 * GB))["max_wal_size"] == "1024MB"
    assert settings(machine())["max_wal_size"] == "4096MB"


def test_here(tmp_path) -> None:
    here = Machine.here(tmp_path)
    assert here.memory > 64 * MB and here.cores >= 1 and here.disk > 0


def test_text() -> None:
    assert text({"jit": "off", "listen_addresses": ""}).splitlines()[1:] == ["jit = 'off'", "listen_addresses = ''"]
