"""What the service is compared with, served the same way: a framework's route over PostGIS, a route that only locates,
and one that does nothing. Started by `bench_http` as ``python -m tests.bench.http_peers PORT``.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from psycopg2.pool import ThreadedConnectionPool
from starlette.concurrency import run_in_threadpool

from api import arrow, forms
from api.asked import read_cases
from api.encode import Texts, json_list, json_rows
from gis.assign import locate
from gis.snapshot import Snapshot

# OFFSET 0 keeps the planner to the spatial index: with ORDER BY code LIMIT 1 alone it walks the codes
LOOK_UP = """
SELECT (SELECT min(code) FROM (SELECT code FROM units u WHERE ST_Covers(u.geometry, p) OFFSET 0) u),
       (SELECT code FROM (SELECT code, area_m2 FROM zones z WHERE ST_Covers(z.geometry, p) OFFSET 0) z
        ORDER BY area_m2, code LIMIT 1),
       (SELECT code FROM (SELECT code, ST_Distance(c.geometry, p) AS away FROM components c
        WHERE c.class = %(class)s AND ST_DWithin(c.geometry, p, %(reach)s) OFFSET 0) c ORDER BY away, code LIMIT 1)
FROM (SELECT ST_Transform(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), %(srid)s) OFFSET 0) AS at(p)
"""
NOTHING = b"x" * 1500


def framework(dsn: str, srid: int) -> FastAPI:
    """The usual way: a route of FastAPI, a pool of psycopg2, three sub-queries with their indexes."""
    # PostGIS says that its functions are dear: PostgreSQL would compile each of these small questions first; and the
    # pool closes what is beyond its least number each time it is given back
    pool, app = ThreadedConnectionPool(40, 40, dsn, options="-c jit=off"), FastAPI()

    @app.get("/v1/resolve")
    def look_up(request: Request, lon: float, lat: float, accuracy_m: float = 0.0) -> dict[str, Any]:
        values = {
            "class": request.query_params["class"],
            "lon": lon,
            "lat": lat,
            "reach": 10 + accuracy_m,
            "srid": srid,
        }
        link = pool.getconn()
        try:
            with link.cursor() as cursor:
                cursor.execute(LOOK_UP, values)
                unit, zone, component = cursor.fetchone()
            link.commit()
        finally:
            pool.putconn(link)
        return {"unit": unit, "zone": zone, "component": component}

    return app


def locating(snapshot: Snapshot) -> FastAPI:
    """The same bodies, of which only community, unit and zone are looked up."""
    app, codes = FastAPI(), snapshot.arrays

    def work(kind: str, body: bytes) -> Response:
        read = arrow.read_stream if kind == arrow.MEDIA_TYPE else forms.read_json
        asked = read(body, max_rows=1_000_000)
        cases = read_cases(snapshot, asked, None)
        unit, areas, zone = locate(cases, snapshot, sets=("community",))
        places = (("areas/community.code", areas[:, 0]), ("units.code", unit), ("zones.code", zone))
        found = {name.partition(".")[0]: Texts(codes[name], at) for name, at in places}
        if asked.form == "arrow":
            return Response(arrow.write_stream({n: c.arrow() for n, c in found.items()}, {}), media_type=kind)
        lists = (b'"%s":%s' % (name.encode(), json_list(column)) for name, column in found.items())
        text = json_rows(found) if asked.form == "rows" else b"{%s}" % b",".join(lists)
        return Response(text, media_type="application/json")

    @app.post("/v1/resolve")
    async def places(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(work, request.headers.get("content-type", ""), body)

    return app


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """The server and its protocol alone."""
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(NOTHING))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": NOTHING})


def main(port: int) -> None:
    """Serve the peer that the environment names."""
    if dsn := os.environ.get("BENCH_DSN"):
        app: Any = framework(dsn, int(os.environ["BENCH_SRID"]))
    elif path := os.environ.get("BENCH_SNAPSHOT"):
        app = locating(Snapshot.open(path))
    else:
        app = nothing
    uvicorn.run(app, port=port, log_level="warning", access_log=False, server_header=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
