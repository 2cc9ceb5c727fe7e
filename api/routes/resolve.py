"""Who owns this, and why: one case by GET, many by POST.

A plain ASGI application in front of the framework's: an answer takes some 30 µs, and the framework would take ten times
that. What it leaves out is done here: headers, methods, the limit on bodies, compression, the one shape of errors. The
entry in OpenAPI is written by hand in `api.routes.resolve_schema`. Plain questions do not get here: the server's
protocol answers them, see `api.onewrite`.
"""

from __future__ import annotations

import asyncio
import os
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
from starlette.types import Receive, Scope, Send

from api.errors import NAMES, TooSlow, answer, from_error
from api.many import Wanted, answer_many
from api.middleware import SAFE, SafeHeaders, refuse_body, too_large
from api.service import Service
from api.single import Question, answer_any, answer_quickly
from gis.snapshot import Snapshot

PATH = "/v1/resolve"
METHODS = ("GET", "POST")
MIN_GZIP = 1000
"""Shorter answers are sent as they are, though compression was asked."""
GZIP_LEVEL = 1
WAITING = 4
"""So many requests at a time wait for what was known at an earlier instant."""
PAUSE_S = 30.0
"""Longest pause between two pieces of a body."""
HEAD = [(name.encode(), value.encode()) for name, value in SAFE.items()]
GZIP = [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]


class Resolve:
    """Answers ``/v1/resolve``.

    Parameters
    ----------
    service
        Whose snapshot answers: taken once for each request, so that an answer is of one version.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.limit = service.settings.max_body_mb * 1_000_000
        self._few: anyio.CapacityLimiter | None = None
        self._past: anyio.CapacityLimiter | None = None

    def at_once(self, query: bytes) -> bytes | None:
        """The answer to a usual question; None where the question is not, or something is wrong with it."""
        try:
            question, snapshot = Question(query), self.service.at_hand
            if question.known_at or snapshot is None:
                return None
            return answer_quickly(snapshot, question)
        except Exception:  # asked again, it is refused with the words and in the shape that errors have
            return None

    def right_still(self, address: bytes, mark: bytes) -> bytes | None:
        """Headers for a browser whose tile of that mark is right still; None where nobody knows."""
        atlas = getattr(self.service, "atlas", None)
        return None if atlas is None else atlas.told.still(address, mark)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of `PATH`."""
        try:
            if scope["method"] == "GET":
                body, kind = await self._one(scope["query_string"]), "application/json"
            elif scope["method"] == "POST":
                found = await self._many(scope, receive)
                if found is None:
                    return  # nobody waits for an answer
                body, kind = found
            else:
                return await _not_allowed(scope, receive, send)
        except Exception as error:
            return await SafeHeaders(from_error(error))(scope, receive, send)
        headers = [(b"content-type", kind.encode()), *HEAD]
        if len(body) >= MIN_GZIP and takes_gzip(scope["headers"]):
            body = await _beside_if_long(len(body), partial(zlib.compress, body, GZIP_LEVEL, 31))
            headers += GZIP
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _one(self, query: bytes) -> bytes:
        """Usual questions are answered at once on the event loop; what may take longer, beside it."""
        question = Question(query)
        if question.known_at:
            then = await self._known(question.known_at)
            return await anyio.to_thread.run_sync(lambda: answer_any(then, question))
        snapshot = self.service.at_hand
        body = None if snapshot is None else answer_quickly(snapshot, question)
        if body is None:
            body = await anyio.to_thread.run_sync(lambda: answer_any(self.service.snapshot, question))
        return body

    async def _many(self, scope: Scope, receive: Receive) -> tuple[bytes, str] | None:
        """Beside the event loop, as many at a time as there are processors: more would only take turns."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        encoding, declared = (headers.get(name, "") for name in (b"content-encoding", b"content-length"))
        if refusal := refuse_body(encoding, declared, self.limit):
            raise refusal
        body = await _body(receive, self.limit)
        if body is None:
            return None
        kind = headers.get(b"content-type", "").partition(";")[0].strip().lower()
        if self._few is None:
            self._few = anyio.CapacityLimiter(os.cpu_count() or 1)

        known_at = Wanted.read(scope["query_string"]).known_at
        then = await self._known(known_at) if known_at else None

        def work() -> tuple[bytes, str]:
            return answer_many(then or self.service.snapshot, self.service.settings, scope["query_string"], kind, body)

        return await anyio.to_thread.run_sync(work, limiter=self._few)

    async def _known(self, known_at: str) -> Snapshot:
        """The snapshot of what was known then; few wait for one that is being made, and take no other's thread."""
        if self._past is None:
            self._past = anyio.CapacityLimiter(WAITING)
        return await anyio.to_thread.run_sync(self.service.as_known, known_at, limiter=self._past)


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The body; None when the client has gone.

    Raises
    ------
    TooLarge
        Beyond `limit` bytes: as soon as it is.
    TooSlow
        Nothing came for `PAUSE_S`.
    """
    pieces, size = [], 0
    while True:
        try:
            async with asyncio.timeout(PAUSE_S):
                message = await receive()
        except TimeoutError:
            what = f"no more of the body came for {PAUSE_S:g} s"
            raise TooSlow(what, where="body", right="send it in one go") from None
        if message["type"] == "http.disconnect":
            return None
        if piece := message.get("body", b""):
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            pieces.append(piece)
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _beside_if_long(size: int, work: Callable[[], Any]) -> Any:
    return await anyio.to_thread.run_sync(work) if size > 50_000 else work()


def takes_gzip(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a request's headers say that its answer may be compressed."""
    for name, value in headers:
        if name == b"accept-encoding":
            for part in value.lower().split(b","):
                coding, _, weight = part.partition(b";")
                if coding.strip() in (b"gzip", b"*"):
                    return weight.replace(b" ", b"").rstrip(b".0") not in (b"q=", b"q")
    return False


async def _not_allowed(scope: Scope, receive: Receive, send: Send) -> None:
    takes = ", ".join(METHODS)
    detail = f"{PATH} takes {takes}, not {scope['method']}"
    await SafeHeaders(answer(405, NAMES[405], detail, at=PATH, headers={"allow": takes}))(scope, receive, send)
