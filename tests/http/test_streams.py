"""Endpoints that stream: a body is read as it is used, and an answer that breaks off is seen to."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.errors import Invalid
from gateways.http.asgi import Answer, Request, Stream, endpoint

MIB = 1024 * 1024


class Client:
    """Sends chunks one by one, and notes how far it has come."""

    def __init__(self, *chunks: bytes, then: str = "end", declared: int | None = None) -> None:
        self.chunks = list(chunks)
        self.then = then
        self.given = 0
        self.heard: list[dict[str, Any]] = []
        headers = [] if declared is None else [(b"content-length", str(declared).encode())]
        self.scope = {"type": "http", "method": "PUT", "path": "/x", "headers": headers}

    async def receive(self) -> dict[str, Any]:
        if self.given == len(self.chunks):
            assert self.then == "gone"
            return {"type": "http.disconnect"}
        chunk = self.chunks[self.given]
        self.given += 1
        more = self.given < len(self.chunks) or self.then == "gone"
        return {"type": "http.request", "body": chunk, "more_body": more}

    async def send(self, message: Any) -> None:
        self.heard.append(message)

    @property
    def status(self) -> int:
        return int(self.heard[0]["status"])


def _put(client: Client, handle: Any, limit: int = 100 * MIB) -> None:
    served = endpoint("/x", {"PUT": handle}, limit, streams=True)
    asyncio.run(served.serve(client.scope, client.receive, client.send))  # type: ignore[arg-type]


def test_the_next_chunk_is_read_when_the_one_before_was_used() -> None:
    client = Client(*[b"x" * MIB] * 50)
    ahead: list[int] = []

    async def handle(request: Request) -> Answer:
        used = 0
        assert request.chunks is not None
        async for _ in request.chunks:
            used += 1
            ahead.append(client.given - used)
            await asyncio.sleep(0)
        return Answer({"used": used})

    _put(client, handle)
    assert (client.status, len(ahead), max(ahead)) == (200, 50, 0)


async def _use(request: Request) -> Answer:
    assert request.chunks is not None
    return Answer({"size": sum([len(chunk) async for chunk in request.chunks])})


def test_a_body_beyond_the_limit_is_not_read_on() -> None:
    client = Client(*[b"x" * MIB] * 50)
    _put(client, _use, limit=3 * MIB)
    assert (client.status, client.given) == (413, 4)


def test_a_body_that_says_it_is_too_large_is_not_read_at_all() -> None:
    client = Client(b"x", declared=4 * MIB)
    _put(client, _use, limit=3 * MIB)
    assert (client.status, client.given) == (413, 0)


def test_who_has_gone_gets_no_answer() -> None:
    client = Client(b"x", b"y", then="gone")
    _put(client, _use)
    assert client.heard == []


def test_a_refusal_in_the_middle_of_a_body_is_answered() -> None:
    async def handle(request: Request) -> Answer:
        assert request.chunks is not None
        raise Invalid(f"{await anext(request.chunks)!r} is not good")

    client = Client(b"x", b"y")
    _put(client, handle)
    assert (client.status, client.given) == (400, 1)


def test_an_answer_that_fails_on_its_way_is_not_ended_as_if_it_were_whole() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"
        raise ConnectionResetError

    async def handle(request: Request) -> Answer:
        return Answer(Stream(chunks(), 2), media_type="audio/wav")

    client = Client(b"")
    with pytest.raises(ConnectionResetError):
        _put(client, handle)
    assert [message.get("more_body") for message in client.heard] == [None, True]
    assert (b"content-length", b"2") in client.heard[0]["headers"]
