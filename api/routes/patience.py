"""Answers that may take long, so that those who wait for them leave everybody else a thread."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import anyio.to_thread
from fastapi import Request, Response

AT_ONCE = 16
"""So many are worked out, or wait for the same answer, at a time; further ones wait without a thread."""


async def patiently(request: Request, work: Callable[[], Response]) -> Response:
    """Work out an answer in one of the application's threads for long ones."""
    state = request.app.state
    if not hasattr(state, "at_once"):
        state.at_once = anyio.CapacityLimiter(AT_ONCE)
    return await anyio.to_thread.run_sync(work, limiter=state.at_once)
