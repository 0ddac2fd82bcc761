"""Takes deliveries on a port of its own, verifies them, and hands them on to another URL.

The other side's answer is the answer to the sender: what it does not take is tried again, as with
any webhook. Body and headers are handed on as they came, so that they can be verified again.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp
import orjson
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

TIMEOUT = 9.0
"""Seconds: a little less than the sender waits."""
_HANDED_ON = ("content-type", "user-agent", "webhook-", "x-sipio-")


class Forwarded(NamedTuple):
    """A delivery that came in, and what the other side said."""

    event: str
    id: str
    call_id: str | None
    sequence: int | None
    status: int
    error: str | None
    duration_ms: int


class Forwarder:
    """`tell` hears of each delivery after it was handed on."""

    def __init__(
        self, http: aiohttp.ClientSession, target: str, tell: Callable[[Forwarded], None]
    ) -> None:
        self._http = http
        self._target = target
        self._tell = tell
        self._verifier: Webhook | None = None

    def verify_with(self, secret: str) -> None:
        """Nothing is taken before."""
        self._verifier = Webhook(secret)

    async def take(self, request: web.Request) -> web.Response:
        if self._verifier is None:
            return web.Response(status=503, headers={"Retry-After": "1"})
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            self._verifier.verify(body, headers)
        except WebhookVerificationError as error:
            return web.Response(status=401, text=str(error))
        began, failure = time.perf_counter(), None
        try:
            answer = await self._hand_on(body, headers)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            failure = f"{type(error).__name__}: {error}"
            answer = web.Response(status=502, text=failure)
        said = orjson.loads(body)
        took = int(1000 * (time.perf_counter() - began))
        call_id = said["data"].get("callId")
        about = (said["event"], said["id"], call_id, said["sequence"])
        self._tell(Forwarded(*about, answer.status, failure, took))
        return answer

    async def _hand_on(self, body: bytes, headers: dict[str, str]) -> web.Response:
        kept = {name: value for name, value in headers.items() if name.startswith(_HANDED_ON)}
        async with self._http.post(
            self._target, data=body, headers=kept, allow_redirects=False
        ) as answer:
            later = answer.headers.get("Retry-After")
            return web.Response(
                status=answer.status,
                body=await answer.content.read(4_096),
                headers={"Retry-After": later} if later else {},
            )


@asynccontextmanager
async def forwarding(
    host: str, target: str, tell: Callable[[Forwarded], None]
) -> AsyncIterator[tuple[Forwarder, str]]:
    """A forwarder and the URL that it listens at, for the block."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        forwarder = Forwarder(http, target, tell)
        app = web.Application()
        app.router.add_post("/", forwarder.take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, 0).start()
            port = runner.addresses[0][1]
            yield forwarder, f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        finally:
            await runner.cleanup()
