"""What every request leaves behind: figures, a request id in its answer, a line in the log, a span.

A request that brings a well-formed X-Request-Id keeps it, any other one gets one; the answer, a
problem and every line of the log about it have it. Figures, lines and spans name the path of the
route, never the one that was sent.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import cast

from litestar.enums import ScopeType
from litestar.types import Message, Receive, Scope, Send
from prometheus_client import Counter, Histogram

from gateways import about, metrics, tracing

log = logging.getLogger("callplane.access")

Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
_HEADER = about.HEADER.lower().encode()
_SEEN = "callplane.visit"


class Slow:
    """When an answer is slow: see `LOG_SLOW_MS`."""

    seconds = 1.0


def measured(app: Asgi, path: str | None = None) -> Asgi:
    """`app` with all that. `path`: of its route; None: a Litestar app, which knows its routes."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        marks = cast(dict[str, object], scope)
        if scope["type"] != ScopeType.HTTP or _SEEN in marks:
            await app(scope, receive, send)
            return
        marks[_SEEN] = True
        visit = _Visit(scope, send)
        try:
            if (spans := tracing.spans()) is None:
                await app(scope, receive, visit.send)
            else:
                with spans.visited(scope, path) as answered:
                    await app(scope, receive, visit.send)
                    answered(visit.status)
        finally:
            if visit.status:
                visit.note(path or str(scope.get("path_template", "other")))

    return serve


class _Visit:
    """One request."""

    __slots__ = ("_about", "_began", "_method", "_seconds", "_send", "status")

    def __init__(self, scope: Scope, send: Send) -> None:
        self._began = time.perf_counter()
        self._seconds = 0.0
        self._method = str(scope.get("method", "GET"))
        self._send = send
        asked = None
        for name, value in scope["headers"]:
            if name == _HEADER:
                asked = value.decode("latin-1")
        self._about = about.begin(asked)
        self.status = 0
        """0: there was no answer."""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._seconds = time.perf_counter() - self._began
            self.status = message["status"]
            made = (_HEADER, self._about.request_id.encode())
            message["headers"] = [*message["headers"], made]
        await self._send(message)

    def note(self, path: str) -> None:
        _seconds(path).observe(self._seconds)
        _answers(path, self.status).inc()
        is_slow = self._seconds >= Slow.seconds and not self._about.is_held
        level = logging.WARNING if is_slow else logging.DEBUG
        if log.isEnabledFor(level):
            fields = {"method": self._method, "path": path, "status": self.status}
            fields["ms"] = round(1000 * self._seconds, 1)
            log.log(level, "slow answer" if is_slow else "answered", extra=fields)


@lru_cache(1_000)
def _seconds(path: str) -> Histogram:
    return metrics.HTTP_SECONDS.labels(path)


@lru_cache(1_000)
def _answers(path: str, status: int) -> Counter:
    return metrics.HTTP_STATUS.labels(path, status)
