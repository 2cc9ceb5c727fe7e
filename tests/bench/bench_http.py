"""Answers over HTTP: one at a time and ten thousand a request, beside a framework's route over PostGIS.

One worker, the load generator (wrk) on the same cores, connections kept alive. Every form's answers are compared with
the engine's in this process.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import httpx
import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import shapely
from pyarrow import ipc
from sqlalchemy import text

from api.arrow import MEDIA_TYPE, write_stream
from gis import demo, postgis
from gis.answer import answer
from gis.assign import Cases, assign
from gis.crs import to_lonlat
from gis.one import read_one
from gis.snapshot import Snapshot
from gis.store import connect
from tests.bench import city
from tests.bench.paired import Row, heading
from tests.conftest import database_name

SECONDS = 6
ONE_REQUEST = 10_000
AT = "2026-07-02T00:00:00Z"
JSON = "application/json"


@dataclass(frozen=True)
class Asked:
    """Cases to ask for: degrees, class, position error in metres, None to tell none."""

    lon: np.ndarray
    lat: np.ndarray
    klass: np.ndarray
    error: np.ndarray | None

    @staticmethod
    def of(snapshot: Snapshot, x: np.ndarray, y: np.ndarray, klass: np.ndarray, error: np.ndarray) -> Asked:
        """From metres of the city, to a hundredth of a millimetre or so of a degree."""
        lon, lat = to_lonlat(x, y, snapshot.city.srid)
        return Asked(lon.round(9), lat.round(9), klass, error)

    def paths(self) -> list[str]:
        """An address for each."""
        errors = [""] * len(self.lon) if self.error is None else [f"&accuracy_m={e:g}" for e in self.error]
        rows = zip(self.lon, self.lat, self.klass, errors, strict=True)
        return [f"/v1/resolve?lon={a:.9f}&lat={b:.9f}&class={k}{e}&at={AT}" for a, b, k, e in rows]

    def bodies(self, n: int = ONE_REQUEST) -> dict[str, tuple[str, bytes]]:
        """The first n in each form: media type and body."""
        columns = {
            "lon": self.lon[:n].tolist(),
            "lat": self.lat[:n].tolist(),
            "class": self.klass[:n].tolist(),
        }
        if self.error is not None:
            columns["accuracy_m"] = self.error[:n].tolist()
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        table = {name: pa.array(values) for name, values in columns.items()}
        return {
            "JSON list": (JSON, orjson.dumps({"cases": rows})),
            "JSON columns": (JSON, orjson.dumps(columns)),
            "Arrow": (MEDIA_TYPE, write_stream(table, {})),
        }


class Server(str):
    """Address of a server, which knows its process."""

    pid: int

    def processor_s(self) -> float:
        """Seconds of processor that it has taken so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run() -> Iterator[Row]:
    """The demo city with its peers, then the city of 1,000 km², then that with every kind of rule."""
    if shutil.which("wrk") is None:
        yield heading("wrk is not there: make bench installs it")
        return
    made = demo.make(scale=1.0, seed=1)
    filed = made.layers["cases"]
    filed = filed[~(filed.geometry.is_empty | filed.geometry.isna())].sample(20_000, random_state=1)
    snapshot = Snapshot.compile(made.city, made.layers, at="2026-07-01")
    x, y = shapely.get_coordinates(filed.geometry.to_numpy()).T
    error = filed["accuracy_m"].fillna(0).clip(0, 100).to_numpy()
    asked = Asked.of(snapshot, x, y, filed["class"].to_numpy(dtype=object), error)
    yield heading("the demo city: 150,000 components, 527,000 cases")
    yield from _measured(snapshot, asked, made.layers)
    yield heading("1,000 km²: 100,000 units, a million components")
    large, snapshot = city.kept()
    some = large.cases.sample(20_000, random_state=1)
    columns = (some[name].to_numpy() for name in ("x", "y", "class", "error"))
    asked = Asked.of(snapshot, *columns)
    yield from _measured(snapshot, asked, None)
    yield heading("the same with every kind of rule")
    yield from _measured(city.kept_ruled(), asked, None)


def _measured(snapshot: Snapshot, doubtful: Asked, layers: dict[str, pd.DataFrame] | None) -> Iterator[Row]:
    asked = replace(doubtful, error=None)
    with tempfile.TemporaryDirectory() as folder:
        file = snapshot.save(Path(folder) / "city.wanmi")
        with _served(["-m", "api.cli", "serve", "--snapshot", str(file)], WANMI_LOG_LEVEL="warning") as url:
            for some in (asked, doubtful):
                _compare(snapshot, some, url)
            yield _gets("GET, one answer in full", url, asked, folder)
            yield _gets("  with its position error: probabilities, question", url, doubtful, folder)
            posts = [
                _posts(f"POST {ONE_REQUEST:,}, {form}", url, kind, body, folder)
                for form, (kind, body) in asked.bodies().items()
            ]
            kind, body = doubtful.bodies()["Arrow"]
            posts.append(_posts("  Arrow with position errors: probabilities", url, kind, body, folder))
            with _batches(url, *asked.bodies()["JSON list"]):
                beside = _gets("GET while batches run", url, asked, folder)
        if layers is not None:
            with _postgis(layers) as (dsn, srid), _peer(BENCH_DSN=dsn, BENCH_SRID=str(srid)) as url:
                _compare_units(snapshot, asked, url)
                yield _gets("FastAPI, psycopg2, PostGIS: unit, zone, component", url, asked, folder)
        with _peer() as url:
            yield _gets("the server alone, an answer of as many bytes", url, asked, folder)
        yield beside
        yield heading("many a request")
        yield from posts
        with _peer(BENCH_SNAPSHOT=str(file)) as url:
            for form, (kind, body) in asked.bodies().items():
                yield _posts(f"located only: community, unit, zone; {form}", url, kind, body, folder)


# ---------------------------------------------------------------- servers


@contextlib.contextmanager
def _served(command: list[str], **environment: str) -> Iterator[Server]:
    """A server as a process of its own, until the block ends; its address."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    port_of = ["--port", str(port)] if "serve" in command else [str(port)]
    if command[1] == "api.cli":
        command = ["-c", "import sys; from api.cli import main; sys.exit(main())", *command[2:]]
    process = subprocess.Popen([sys.executable, *command, *port_of], env=os.environ | environment)
    url = Server(f"http://127.0.0.1:{port}")
    url.pid = process.pid
    try:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{url}/health", timeout=5)
                break
            if process.poll() is not None:
                raise RuntimeError(f"{command} ended before it began")
            threading.Event().wait(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _peer(**environment: str) -> contextlib.AbstractContextManager[Server]:
    return _served(["-m", "tests.bench.http_peers"], **environment)


@contextlib.contextmanager
def _postgis(layers: dict[str, pd.DataFrame]) -> Iterator[tuple[str, int]]:
    """The city in a database of its own, indexed and analysed."""
    postgis.up()
    name = database_name("bench_http")
    dsn = postgis.ensure_database(name)
    engine = connect(dsn)
    try:
        for layer, columns in (("units", ["code"]), ("zones", ["code"]), ("components", ["code", "class"])):
            frame = gpd.GeoDataFrame(layers[layer])[[*columns, "geometry"]].copy()
            if layer == "zones":
                frame["area_m2"] = frame.geometry.area
            frame.to_postgis(layer, engine, index=False)
        srid = gpd.GeoDataFrame(layers["units"]).crs.to_epsg()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as link:
            for layer in ("units", "zones", "components"):
                link.execute(text(f"CREATE INDEX IF NOT EXISTS {layer}_place ON {layer} USING gist (geometry)"))
                link.execute(text(f"VACUUM ANALYZE {layer}"))
        yield dsn, srid
    finally:
        engine.dispose()
        postgis.drop_database(name)


# ---------------------------------------------------------------- load


LUA = """
local requests = {}
for line in io.lines(FILE) do requests[#requests + 1] = wrk.format(METHOD, line, HEADERS, BODY) end
local i = 0
request = function() i = i % #requests + 1; return requests[i] end
done = function(summary, latency)
  local e = summary.errors
  print(string.format("DONE %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), e.connect + e.read + e.write + e.timeout + e.status))
end
"""


def _wrk(url: Server, connections: int, head: str, folder: str) -> tuple[int, float, str]:
    """Requests, seconds, and a note of how long they took and cost; none may fail."""
    script = Path(folder) / "load.lua"
    script.write_text(head + LUA)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", str(script), url]
    subprocess.run([*command[:3], "-d1s", *command[4:]], check=True, capture_output=True)
    before = url.processor_s()
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    cost = url.processor_s() - before
    found = re.search(r"DONE (\d+) (\d+) (\d+) (\d+) (\d+)", told)
    assert found, told
    count, spent, half, most, failed = map(int, found.groups())
    assert not failed, told
    note = f"{connections} connections, median {half / 1e3:.1f} ms, p99 {most / 1e3:.1f} ms"
    return count, spent / 1e6, f"{note}, {cost / count * 1e3:.3f} ms of processor a request"


def _gets(what: str, url: Server, asked: Asked, folder: str) -> Row:
    file = Path(folder) / "paths"
    file.write_text("\n".join(asked.paths()))
    head = f'FILE, METHOD, HEADERS, BODY = "{file}", "GET", nil, nil\n'
    return what, *_wrk(url, 32, head, folder)


def _posts(what: str, url: Server, kind: str, body: bytes, folder: str) -> Row:
    kept, file = Path(folder) / "body", Path(folder) / "path"
    kept.write_bytes(body)
    file.write_text(f"/v1/resolve?at={AT}\n" if "located" not in what else "/v1/resolve\n")
    head = f'FILE, METHOD, HEADERS = "{file}", "POST", {{["Content-Type"] = "{kind}"}}\n'
    head += f'local f = io.open("{kept}", "rb")\nBODY = f:read("*a")\nf:close()\n'
    count, seconds, note = _wrk(url, 2, head, folder)
    return what, count * ONE_REQUEST, seconds, note


@contextlib.contextmanager
def _batches(url: str, kind: str, body: bytes) -> Iterator[None]:
    """One client that sends batch after batch."""
    stop = threading.Event()

    def send() -> None:
        with httpx.Client(timeout=60) as client:
            while not stop.is_set():
                client.post(f"{url}/v1/resolve", content=body, headers={"content-type": kind}).raise_for_status()

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


# ---------------------------------------------------------------- the same answers


def _compare(snapshot: Snapshot, asked: Asked, url: str) -> None:
    """The forms against `assign`, single answers against `answer`, word by word."""
    n, at = ONE_REQUEST, pd.Timestamp(AT)
    error = None if asked.error is None else asked.error[:n]
    cases = Cases.read(
        snapshot, asked.lon[:n], asked.lat[:n], asked.klass[:n], crs="EPSG:4326", at=at, accuracy_m=error
    )
    frame = assign(cases, snapshot).frame()
    for form, (kind, body) in asked.bodies().items():
        found = httpx.post(f"{url}/v1/resolve?at={AT}", content=body, headers={"content-type": kind}, timeout=60)
        if kind == MEDIA_TYPE:
            columns = ipc.open_stream(found.content).read_all().to_pydict()
        else:
            told = found.json()
            columns = told if "unit" in told else pd.DataFrame(told["cases"]).to_dict("list")
        for name in ("unit", "department", "rule", "component"):
            codes = [value if isinstance(value, str) else "" for value in columns[name]]
            if codes != frame[name].tolist():
                raise AssertionError(f"{form}: {name} differs from the engine")
    with httpx.Client(base_url=url) as client:
        for i, path in enumerate(asked.paths()[:300]):
            case = read_one(
                snapshot,
                asked.lon[i],
                asked.lat[i],
                asked.klass[i],
                crs="EPSG:4326",
                at_us=at.value // 1000,
                accuracy_m=None if asked.error is None else float(f"{asked.error[i]:g}"),
            )
            found, ours = client.get(path).json(), orjson.loads(orjson.dumps(answer(case, snapshot)))
            for told in (found, ours):  # the question in the asker's words, and so the seal
                del told["asked"], told["seal"]
            if found != ours:
                raise AssertionError(f"{path} differs from the engine")


def _compare_units(snapshot: Snapshot, asked: Asked, url: str) -> None:
    """The peer's unit is ours, or both are on a border that two units share."""
    with httpx.Client(base_url=url) as client:
        for i, path in enumerate(asked.paths()[:300]):
            case = read_one(snapshot, asked.lon[i], asked.lat[i], asked.klass[i], crs="EPSG:4326")
            ours = answer(case, snapshot)["unit"]
            theirs = client.get(path).json()["unit"]
            if theirs != (ours["code"] if ours else None) and not case.reason:
                raise AssertionError(f"the peer's unit {theirs} is not ours at {path}")
