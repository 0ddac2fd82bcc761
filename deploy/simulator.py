"""A simulated SIP edge: registers phones and places calls over the real HTTP contract.

What it does follows from its seed; when things happen follows from the clock. It asks and reports
exactly what a real edge would: /auth/challenge, /auth, /route, /flow, /presence/event.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from deploy.engine import SimulatedEngine
from domain import digest
from domain.digest import Answer

log = logging.getLogger("callplane.simulator")

REGISTER_EVERY = 60.0
CAUSES = ((0.80, None), (0.10, 486), (0.07, 480), (0.03, 487))
"""Share of calls that are answered (None) or end before that with a SIP status."""


@dataclass(frozen=True, slots=True)
class Phone:
    username: str
    realm: str
    password: str


@dataclass
class SimulatedEdge:
    base_url: str
    phones: tuple[Phone, ...]
    numbers: tuple[str, ...]
    rate: float
    """Calls per second, on average."""
    seed: int = 1
    on_finished: Callable[[str], Awaitable[None]] | None = None
    """Called with the id of every finished call."""
    _random: random.Random = field(init=False)
    _calls: set[asyncio.Task[None]] = field(default_factory=set)
    _count: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; calls that are open then are hung up."""
        async with self._session() as http:
            registering = asyncio.create_task(self._keep_registered(http))
            try:
                while not stop.is_set():
                    self._place_call(http, stop)
                    await _until(stop, self._random.expovariate(self.rate))
            finally:
                registering.cancel()
                await asyncio.gather(*self._calls, return_exceptions=True)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[aiohttp.ClientSession]:
        headers = {"x-node-id": "simulated-edge"}
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as http:
            yield http

    async def _keep_registered(self, http: aiohttp.ClientSession) -> None:
        while True:
            for phone in self.phones:
                try:
                    await self.register(http, phone)
                except (aiohttp.ClientError, TimeoutError) as error:
                    log.info("not registered: %s", error)
            await asyncio.sleep(REGISTER_EVERY)

    async def register(self, http: aiohttp.ClientSession, phone: Phone) -> bool:
        """REGISTER with digest, then the edge's report; whether the password was good."""
        challenge = await self._post(http, "/auth/challenge", {"realm": phone.realm})
        answer = Answer(
            username=phone.username,
            realm=phone.realm,
            nonce=challenge["nonce"],
            uri=f"sip:{phone.realm}",
            method="REGISTER",
            response="",
            qop="auth",
            nc="00000001",
            cnonce=f"{self._random.randrange(2**32):08x}",
        )
        ha1 = digest.credential(phone.username, phone.realm, phone.password).ha1
        response = digest.expected_response(ha1, answer)
        body = {
            name: getattr(answer, name)
            for name in ("username", "realm", "nonce", "uri", "method", "qop", "nc", "cnonce")
        }
        verdict = await self._post(http, "/auth", {**body, "response": response})
        if not verdict["ok"]:
            return False
        await self._post(
            http,
            "/presence/event",
            {
                "type": "register",
                "event": "registered",
                "username": phone.username,
                "realm": phone.realm,
                "contact": f"sip:{phone.username}@192.0.2.10:5060",
                "expires": 3600,
                "userAgent": "simulated phone",
            },
        )
        return True

    def _place_call(self, http: aiohttp.ClientSession, stop: asyncio.Event) -> None:
        self._count += 1
        call_id = f"sim-{self.seed}-{int(time.time() * 1000):x}-{self._count}"
        plan = (
            f"+1415555{self._random.randrange(10_000):04d}",
            self._random.choice(self.numbers),
            self._cause(),
            self._random.uniform(0.5, 2.0),
            self._random.uniform(1.0, 8.0),
            random.Random(self._random.random()),
        )
        task = asyncio.create_task(self._call(http, stop, call_id, *plan))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    def _cause(self) -> int | None:
        point = self._random.random()
        for share, code in CAUSES:
            if point < share:
                return code
            point -= share
        return None

    async def _call(
        self,
        http: aiohttp.ClientSession,
        stop: asyncio.Event,
        call_id: str,
        caller: str,
        number: str,
        code: int | None,
        ring_sec: float,
        talk_sec: float,
        chance: random.Random,
    ) -> None:
        try:
            request = {"callId": call_id, "from": caller, "to": number, "srcIp": "198.51.100.7"}
            routed = (await self._post(http, "/route", request))["rtjson"]
            if routed["action"] != "reject":
                await self._report(http, call_id, "early", sipCode=180)
                await _until(stop, ring_sec)
                if code is None:
                    await self._report(http, call_id, "answered")
                    by = "caller"
                    if routed["action"] == "flow":
                        engine = SimulatedEngine(
                            lambda path, body: self._post(http, path, body),
                            chance,
                            lambda seconds: _until(stop, seconds),
                            talk_sec,
                        )
                        by = await engine.run(call_id, routed["flow_id"])
                    else:
                        await _until(stop, talk_sec)
                    await self._report(http, call_id, "end", hangupBy=by)
                else:
                    await self._report(http, call_id, "end", sipCode=code)
            if self.on_finished is not None:
                await self.on_finished(call_id)
        except (aiohttp.ClientError, TimeoutError) as error:
            log.info("call %s was lost: %s", call_id, error)

    async def _report(
        self, http: aiohttp.ClientSession, call_id: str, event: str, **members: Any
    ) -> None:
        """At least once, as an edge must: again until it is taken."""
        body = {"type": "dialog", "callId": call_id, "event": event, **members}
        body["ts"] = int(time.time() * 1000)
        for attempt in range(20):
            try:
                await self._post(http, "/presence/event", body)
                return
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(min(2.0, 0.1 * 2**attempt))

    async def _post(
        self, http: aiohttp.ClientSession, path: str, body: dict[str, Any]
    ) -> dict[str, Any]:
        async with http.post(self.base_url + path, json=body) as answer:
            if answer.status >= 500:
                raise aiohttp.ClientError(f"{path}: {answer.status}")
            found: dict[str, Any] = await answer.json(content_type=None)
            return found


async def _until(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
