"""Benchmarks beside their peers, in one run: ``python -m tests.bench [NAME…]``.

Each ``bench_<name>`` module has ``run()``, which returns rows of (what, rows, seconds, note); a peer's row stands
below ours, and the ratio is printed: times depend on the machine, ratios less so. A row of no rows is a heading:
below it another comparison begins. At the end of each stands the most memory that the process held so far.
"""

from __future__ import annotations

import importlib
import os
import resource
import sys
from pathlib import Path


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all."""
    here = Path(__file__).parent
    known = sorted(p.stem.removeprefix("bench_") for p in here.glob("bench_*.py"))
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, {load:.1f} processes at work before")
    for name in names or known:
        if name not in known:
            print(f"no benchmark {name!r}; there are {', '.join(known)}", file=sys.stderr)
            return 2
        print(f"\n{name}\n{'':44}{'rows':>10}{'seconds':>10}{'rows/s':>12}{'vs ours':>9}")
        ours = None
        for what, rows, seconds, note in importlib.import_module(f"tests.bench.bench_{name}").run():
            if not rows:
                print(f"  {what}")
                ours = None
                continue
            rate = rows / seconds
            ours = ours or rate
            print(f"{what:44}{rows:10,}{seconds:10.3f}{rate:12,.0f}{rate / ours:8.3f}x  {note}", flush=True)
        print(f"  peak memory so far {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
