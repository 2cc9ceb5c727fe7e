"""The settings of the private PostGIS: durable, closed to the network, sized to the machine."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

MB = 1 << 20
GB = 1 << 30


@dataclass(frozen=True)
class Machine:
    """What the server may use: bytes of memory, cores, bytes of ``/dev/shm``, free bytes on its disk."""

    memory: int
    cores: int
    shm: int
    disk: int

    @classmethod
    def here(cls, folder: Path) -> Machine:
        """Measure this machine; a container's limits count, ``folder`` names the disk."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
            text = Path(limit).read_text(encoding="ascii").strip() if Path(limit).is_file() else ""
            if text.isdigit():
                memory = min(memory, int(text))
        shm = Path("/dev/shm")
        return cls(
            memory=memory,
            cores=len(os.sched_getaffinity(0)),
            shm=shutil.disk_usage(shm).total if shm.is_dir() else 0,
            disk=shutil.disk_usage(folder).free,
        )


def settings(machine: Machine) -> dict[str, str]:
    """Return the server's settings by name.

    The demo has 2 GB for all its processes, and each of them that has touched the shared buffers counts them:
    they stay small however large the machine. What they do not hold, the system's page cache does.
    """

    def share(part: int, low: int, high: int) -> str:
        return f"{min(max(machine.memory // part // MB, low), high)}MB"

    return {
        # Closed: the socket's folder is private, there is no network.
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        # Durable: what was committed survives a kill and a power cut.
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        # No replicas: COPY into a table of the same transaction needs no WAL, its file is synced instead.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "wal_compression": "on",
        "max_wal_size": f"{min(max(machine.disk // 10 // MB, 256), 4096)}MB",
        "checkpoint_timeout": "15min",
        # Sized to the machine.
        "shared_buffers": share(16, 64, 256),
        "work_mem": share(128, 8, 64),
        "maintenance_work_mem": share(32, 64, 256),
        "effective_cache_size": share(2, 256, 1 << 20),
        # Containers often have 64 MB of /dev/shm, too little for parallel queries.
        "dynamic_shared_memory_type": "posix" if machine.shm >= GB else "mmap",
        "max_worker_processes": str(max(8, machine.cores)),
        "max_parallel_workers": str(machine.cores),
        "max_parallel_workers_per_gather": str(machine.cores),
        "max_parallel_maintenance_workers": str(machine.cores),
        # Compiling costs more than our queries last; the disk is an SSD or the data is in memory.
        "jit": "off",
        "random_page_cost": "1.1",
        # The same instants and words on every machine.
        "timezone": "UTC",
        "lc_messages": "C",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
    }


def text(values: dict[str, str]) -> str:
    """Return settings in the form of ``postgresql.conf``."""
    lines = [f"{name} = '{value}'" for name, value in values.items()]
    head = "# Written by wanmi at each start. Your own settings go into local.conf beside this file."
    return "\n".join([head, *lines, ""])
