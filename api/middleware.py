"""What every request passes through: the limit on bodies and the headers of safety."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import Unreadable, from_error
from grids.errors import TooLarge, WanmiError

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'{nonce}; style-src 'self' 'unsafe-inline'; img-src 'self' data:{pictures}; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
"""Pages may load from this service alone; scripts in a page need the nonce of its answer."""


def content_policy(nonce: str = "", pictures: str = "") -> str:
    """The content security policy of an answer.

    `nonce` lets scripts in the page itself run, `pictures` is a host that pictures may also come from.
    """
    named = {"nonce": f" 'nonce-{nonce}'" if nonce else "", "pictures": f" {pictures}" if pictures else ""}
    return CONTENT_POLICY.format(**named)


SAFE = {
    "content-security-policy": content_policy(),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "SAMEORIGIN",
    "cache-control": "no-store",
}
"""Headers of every answer that has none of its own by that name."""


class SafeHeaders:
    """Adds the headers that keep browsers from guessing types, framing us or asking anyone else."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the headers of its answer."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)


def too_large(limit: int) -> TooLarge:
    """The error of a body beyond `limit` bytes."""
    right = "send several requests, or load a file with 'wanmi load' (WANMI_MAX_BODY_MB: limit)"
    return TooLarge(f"the body is larger than {limit:,} bytes", where="body", right=right)


def refuse_body(encoding: str, declared: str, limit: int) -> WanmiError | None:
    """Why a body is refused before it comes, by its content-encoding and its declared length; None: let it come."""
    if (encoding := encoding.strip().lower()) not in ("", "identity"):
        return Unreadable(f"a body in content-encoding {encoding!r} is not taken", where="body", right="send it plain")
    if declared.isdecimal() and int(declared) > limit:
        return too_large(limit)
    return None


class BodyLimit:
    """Refuses a body beyond `limit` bytes: by its declared length at once, else when that much has come.

    Nothing is kept here, so a body of any size costs no memory. Compressed bodies are refused: their size
    is not known before they are unpacked.
    """

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its body."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        if refusal := refuse_body(headers.get("content-encoding", ""), headers.get("content-length", ""), self.limit):
            return await from_error(refusal)(scope, receive, send)
        got = 0

        async def counted() -> Message:
            nonlocal got
            message = await receive()
            if message["type"] == "http.request":
                got += len(message.get("body", b""))
                if got > self.limit:
                    raise too_large(self.limit)
            return message

        await self.app(scope, counted, send)
