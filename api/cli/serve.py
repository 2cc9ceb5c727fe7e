"""``wanmi serve``: the service, until it is told to stop."""

from __future__ import annotations

import contextlib
import copy
import multiprocessing
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import click

from grids.errors import Unavailable

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from fastapi import FastAPI

    from api.settings import Settings


@click.command()
@click.option("--host", help="Address to listen on; WANMI_HOST or 127.0.0.1 by default, 0.0.0.0 for every one.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port; WANMI_PORT or 8000 by default.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that serve; WANMI_WORKERS or 1 by default.")
@click.option(
    "--snapshot", metavar="FILE|VERSION", help="Snapshot file or version to answer from; the record by default."
)
@click.option("--follow/--no-follow", default=None, help="Answer from the record as it changes, the default, or not.")
@click.option("--city", help="Key of the city; WANMI_CITY or demo by default.")
def serve(
    host: str | None, port: int | None, workers: int | None, snapshot: str | None, follow: bool | None, city: str | None
) -> None:
    """Serve the city: answers, intake, look-ups, pages; /docs describes them.

    \b
    Example:
      wanmi serve
      wanmi serve --host 0.0.0.0 --port 80 --workers 2
      wanmi serve --snapshot july.wanmi
    """
    from api.settings import Settings

    settings = Settings.read(host=host, port=port, workers=workers, snapshot=snapshot, follow=follow, city=city)
    if settings.snapshot:
        from api.versions import named_snapshot

        named_snapshot(settings, settings.snapshot, city=city or "")
    run(settings)


def run(settings: Settings) -> None:
    """Serve until interrupted.

    Raises
    ------
    Unavailable
        The address is taken or not ours.
    """
    import uvicorn

    from api.onewrite import OneWrite

    with listen(settings.host, settings.port) as taken:
        click.echo(f"wanmi: {settings.city} on {address(settings.host, settings.port)}", err=True)
        options: dict[str, Any] = {
            "log_level": settings.log_level,
            "log_config": log_config(settings.log_level),
            "server_header": False,
            "http": OneWrite,
            # a line for each request costs as much as the answer
            "access_log": settings.log_level == "debug",
            "timeout_graceful_shutdown": 10,
        }
        with contextlib.ExitStack() as beside:
            if not settings.snapshot:
                from api.keeper import keeping

                beside.enter_context(keeping(settings, log_config(settings.log_level)))
            if settings.workers == 1:
                from api.app import create_app  # a second and more, which a process that only has workers saves

                config = uvicorn.Config(create_app(settings), **options)
                uvicorn.Server(config).run(sockets=[taken])
                return
            # the workers are processes of their own and read the settings again
            for name, value in settings.model_dump().items():
                os.environ[f"WANMI_{name.upper()}"] = str(value)
            config = uvicorn.Config("api.cli.serve:worker_app", factory=True, workers=settings.workers, **options)
            from uvicorn.supervisors import Multiprocess

            Multiprocess(config, sockets=[taken]).run()


def worker_app() -> FastAPI:
    """The application of a worker process, which ends with the process that started it."""
    from api.app import create_app

    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_with, args=(parent,), name="wanmi-parent", daemon=True).start()
    return create_app()


def _end_with(parent: BaseProcess) -> None:
    """Wait for the parent's end, however it came, and stop as if told to: the port must not stay taken."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def listen(host: str, port: int) -> socket.socket:
    """The socket to serve on, taken here so that a taken port is one clear line.

    Raises
    ------
    Unavailable
        Saying why the address cannot be had.
    """
    where = address(host, port)
    taken: socket.socket | None = None
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # the protocol must be named: asyncio sends small answers at once only on sockets that say TCP
        taken = socket.socket(family, kind, protocol)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(place)
        taken.listen(2048)
    except OSError as error:
        if taken is not None:
            taken.close()
        if getattr(error, "errno", None) == 98:
            right = f"stop what listens there, or take another port: wanmi serve --port {port + 1}"
            raise Unavailable("the port is in use", where=where, right=right) from None
        why = error.strerror or str(error)
        raise Unavailable(f"cannot listen there, {why.lower()}", where=where, right="see --host and --port") from None
    taken.set_inheritable(True)
    return taken


def log_config(level: str) -> dict[str, Any]:
    """The server's way of logging, with ours beside it."""
    from uvicorn.config import LOGGING_CONFIG

    config = copy.deepcopy(LOGGING_CONFIG)
    config["loggers"]["wanmi"] = {"handlers": ["default"], "level": level.upper(), "propagate": False}
    return config


def address(host: str, port: int) -> str:
    """Where to point a browser.

    Examples
    --------
    >>> address("0.0.0.0", 8000), address("::1", 80)
    ('http://127.0.0.1:8000', 'http://[::1]:80')
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


COMMANDS = (serve,)
