"""The server's protocol: answers leave in one write, and a plain question of the hot path is answered at once.

At once: as soon as its head is read, without the task, the scope and the checks of the framework, which take longer
than the answer. Whatever is not plain goes the usual way, and so does what will be refused there. A browser that asks
whether its tile is right still is answered so too, where that is known without a query.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.routes.resolve import GZIP, GZIP_LEVEL, HEAD, MIN_GZIP, PATH, Resolve, takes_gzip

_BEGIN, _TILES = f"{PATH}?".encode(), b"/tiles/"
_NOT_PLAIN = frozenset((b"content-length", b"transfer-encoding", b"expect", b"upgrade"))
"""Headers of requests that have a body or want another protocol."""


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)


_HEAD, _ZIPPED = _lines([(b"content-type", b"application/json"), *HEAD]), _lines(GZIP)


class OneWrite(HttpToolsProtocol):
    """HTTP by httptools, as uvicorn speaks it, over a `Gathered` transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin with a connection."""
        super().connection_made(Gathered(transport, self.loop))  # type: ignore[arg-type]
        self._hot, self._answered = _hot(self.config.loaded_app), False

    def on_headers_complete(self) -> None:
        """Answer, or have it answered."""
        hot = self._hot
        if hot is None or not self._is_plain():
            return super().on_headers_complete()
        if self.url.startswith(_TILES):
            return self._tile(hot)
        body = hot.at_once(self.url[len(_BEGIN) :])
        if body is None:
            return super().on_headers_complete()
        self._answered = True
        head = _lines(self.server_state.default_headers) + _HEAD
        if len(body) >= MIN_GZIP and takes_gzip(self.headers):
            body = zlib.compress(body, GZIP_LEVEL, 31)
            head += _ZIPPED
        self.transport.write(b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))
        self.on_response_complete()

    def on_message_complete(self) -> None:
        """Nothing is left to do for what was answered."""
        if self._answered:
            self._answered = False
        else:
            super().on_message_complete()

    def _tile(self, hot: Resolve) -> None:
        """Tell a browser that its tile is right, or have it answered."""
        mark = next((value for name, value in self.headers if name == b"if-none-match"), b"")
        head = hot.right_still(self.url, mark) if mark else None
        if head is None:
            return super().on_headers_complete()
        self._answered = True
        self.transport.write(
            b"HTTP/1.1 304 Not Modified\r\n%b%b\r\n" % (_lines(self.server_state.default_headers), head)
        )
        self.on_response_complete()

    def _is_plain(self) -> bool:
        """Whether this is a plain question of the hot path, and no other waits before it."""
        parser, url = self.parser, self.url
        return (
            url.startswith((_BEGIN, _TILES))
            and b"#" not in url
            and parser.get_method() == b"GET"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not self.flow.write_paused
            and not self.pipeline
            and (self.cycle is None or self.cycle.response_complete)
            and all(name not in _NOT_PLAIN for name, _ in self.headers)
        )


def _hot(app: Any) -> Resolve | None:
    """The hot path of an application, inside whatever the server put around it."""
    while app is not None and not hasattr(app, "hot"):
        app = getattr(app, "app", None)
    return app and app.hot


class Gathered:
    """A transport whose writes of one turn of the event loop go out together at its end."""

    __slots__ = ("_held", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._held: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Hold bytes until the turn ends."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)

    def close(self) -> None:
        """Close when all is written."""
        self._flush()
        self._transport.close()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection over."""
        self._flush()
        self._transport.set_protocol(protocol)

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, []
            self._transport.writelines(held)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
