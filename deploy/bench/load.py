"""An HTTP load generator on bare sockets: it must cost much less than what it measures."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from deploy.bench.report import percentile

Request = Callable[[], bytes]
"""Makes the next request, whole."""


class Result(NamedTuple):
    """Answers per second that were good, and the percentiles of their times."""

    rate: float
    p50_ms: float
    p99_ms: float
    bad: int


@dataclass
class _Run:
    request: Request
    stop_at: float
    times: list[float] = field(default_factory=list)
    bad: int = 0
    open: int = 0


class _Connection(asyncio.Protocol):
    """One request at a time on a connection that is kept."""

    def __init__(self, run: _Run, on_free: "Callable[[_Connection], None]") -> None:
        self._run = run
        self._on_free = on_free
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._run.open += 1
        self._on_free(self)

    def send(self, due: float | None = None) -> None:
        """`due`: when it should have been sent; waiting for a free connection counts."""
        assert self._transport is not None
        self._sent_at = time.perf_counter() if due is None else due
        self._transport.write(self._run.request())

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        place = self._buffer.lower().find(b"content-length:")
        length = int(self._buffer[place + 15 : self._buffer.index(b"\r", place)])
        if len(self._buffer) < end + 4 + length:
            return
        if self._buffer.startswith(b"HTTP/1.1 200"):
            self._run.times.append(time.perf_counter() - self._sent_at)
        else:
            self._run.bad += 1
        self._buffer = b""
        self._on_free(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._run.open -= 1


async def closed_loop(port: int, request: Request, connections: int, seconds: float) -> Result:
    """As fast as it goes: each connection sends its next request when the answer is there."""
    run = _Run(request, time.perf_counter() + seconds)

    def next_one(connection: _Connection) -> None:
        if time.perf_counter() < run.stop_at:
            connection.send()
        else:
            connection.close()

    await _connect(port, run, next_one, connections)
    while run.open:
        await asyncio.sleep(0.01)
    return _result(run, seconds)


async def open_loop(
    port: int, request: Request, rate: float, seconds: float, connections: int = 64
) -> Result:
    """So many requests a second, whether the answers keep up or not."""
    run = _Run(request, time.perf_counter() + seconds)
    free: deque[_Connection] = deque()
    await _connect(port, run, free.append, connections)
    began, sent, waiting = time.perf_counter(), 0, deque[float]()
    while (now := time.perf_counter()) - began < seconds or waiting:
        while sent < int(min(now - began, seconds) * rate):
            waiting.append(began + sent / rate)
            sent += 1
        while waiting and free:
            free.popleft().send(waiting.popleft())
        if now - began > 3 * seconds:
            break
        await asyncio.sleep(0.002)
    await asyncio.sleep(0.2)
    for connection in free:
        connection.close()
    return _result(run, seconds)


async def _connect(
    port: int, run: _Run, on_free: Callable[[_Connection], None], connections: int
) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(run, on_free), "127.0.0.1", port)


def _result(run: _Run, seconds: float) -> Result:
    times = sorted(run.times)
    return Result(
        round(len(times) / seconds, 1), percentile(times, 0.5), percentile(times, 0.99), run.bad
    )


def post(path: str, body: bytes) -> bytes:
    """A POST of JSON, as bytes on the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
