"""An HTTP client on bare sockets whose requests may be held for long: each has a connection to
itself for as long as it takes. It must cost much less than what it measures."""

import asyncio
from typing import Any, NamedTuple, cast

import orjson

from deploy.bench.load import post


class Answered(NamedTuple):
    status: int
    body: dict[str, Any]


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[Answered] | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        place = self._buffer.lower().find(b"content-length:")
        length = int(self._buffer[place + 15 : self._buffer.index(b"\r", place)])
        if len(self._buffer) < end + 4 + length:
            return
        answered = Answered(int(self._buffer[9:12]), orjson.loads(self._buffer[end + 4 :]))
        self._buffer = b""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(answered)

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(ConnectionError(str(error)))


class Client:
    """As many connections as there are requests at a time; they are kept and used again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[_Connection] = []

    async def post(self, path: str, body: dict[str, Any]) -> Answered:
        return await self._ask(post(path, orjson.dumps(body)))

    async def get(self, path: str) -> Answered:
        return await self._ask(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())

    def close(self) -> None:
        for connection in self._free:
            if connection.transport is not None:
                connection.transport.close()

    async def _ask(self, request: bytes) -> Answered:
        connection = await self._connection()
        loop = asyncio.get_running_loop()
        connection.answer = loop.create_future()
        assert connection.transport is not None
        connection.transport.write(request)
        answered = await connection.answer
        self._free.append(connection)
        return answered

    async def _connection(self) -> _Connection:
        while self._free:
            connection = self._free.pop()
            if connection.transport is not None:
                return connection
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(_Connection, "127.0.0.1", self._port)
        return made
