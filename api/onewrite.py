"""The server's protocol, but head and body of an answer leave in one write: a packet and a wake-up less for each."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OneWrite(HttpToolsProtocol):
    """HTTP by httptools, as uvicorn speaks it, over a `Gathered` transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin with a connection."""
        super().connection_made(Gathered(transport, self.loop))  # type: ignore[arg-type]


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
