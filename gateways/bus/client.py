"""Asks the owner of an account: one command, one reply, never a hang."""

import asyncio
import itertools
import time
from functools import lru_cache
from typing import Any, NamedTuple

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from prometheus_client import Histogram

from commands.catalogue import NAMES
from commands.message import Command
from commands.partitions import partition_of
from domain.errors import Refusal, Unavailable
from gateways import about, metrics, tracing
from gateways.bus.connection import on_disconnect
from gateways.problems import refusal_from

TIMEOUT = 2.0
"""Seconds after which a worker that took a command but gives no reply counts as gone."""
PAUSE = 0.1
"""Seconds between two tries to reach an owner, for those who have patience."""


class Waiting(NamedTuple):
    """A request under way."""

    reply: "asyncio.Future[bytes]"
    deadline: float


class Reply(NamedTuple):
    """The handler's answer, and how far the store was when it was given."""

    body: dict[str, Any]
    position: int


class Commander:
    """Sends commands. Raises the refusal that the owner gave, or Unavailable if there is none.

    All replies come to one subscription; a request costs a counter and a future, and one sweep
    looks after the timeouts of all (the client's own `request` takes three times as long).

    `patience`: seconds for which a command that nobody has taken is sent again. None for a service
    (its caller is told at once, and retries); a few for a person who waits at a command line while
    another worker takes over.
    """

    def __init__(self, client: Client, patience: float = 0.0) -> None:
        self._client = client
        self._patience = patience
        self._inbox = client.new_inbox()
        self._numbers = itertools.count()
        self._waiting: dict[str, Waiting] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscription: Subscription | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._subscription = await self._client.subscribe(f"{self._inbox}.*", cb=self._on_reply)
        on_disconnect(self._client, self._give_up_all)
        self._sweeping = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
        for waiting in self._waiting.values():
            waiting.reply.cancel()

    async def ask(self, command: Command, timeout: float = TIMEOUT) -> Reply:
        """`timeout`: seconds, for a command whose answer its owner may hold back."""
        name, call_id = NAMES[type(command)], getattr(command, "call_id", None)
        about.learn(command.account_id, call_id)
        began, outcome = time.perf_counter(), "failed"
        try:
            if (spans := tracing.spans()) is None:
                reply = await self._ask(command, name, timeout, None)
            else:
                with spans.asking(name, command.account_id, call_id) as headers:
                    reply = await self._ask(command, name, timeout, headers)
            outcome = "ok"
        except Refusal as refusal:
            outcome = _outcome_of(refusal)
            raise
        finally:
            if timeout != TIMEOUT:
                about.held()  # how long it took says nothing
            else:
                _seconds(name, outcome).observe(time.perf_counter() - began)
        return reply

    async def _ask(
        self, command: Command, name: str, timeout: float, headers: dict[str, str] | None
    ) -> Reply:
        if not self._client.is_connected:
            raise Unavailable("the bus is away")
        subject = f"cmd.{partition_of(command.account_id)}.{name}"
        payload = command.__pydantic_serializer__.to_json(command, by_alias=True, exclude_none=True)
        deadline = asyncio.get_running_loop().time() + self._patience
        while not (data := await self._request(subject, payload, timeout, headers)):
            if asyncio.get_running_loop().time() >= deadline:
                raise Unavailable("no worker serves this account at the moment")
            await asyncio.sleep(PAUSE)
        reply = orjson.loads(data)
        if "error" in reply:
            raise refusal_from(reply["error"])
        return Reply(reply["ok"], reply["position"])

    async def _request(
        self, subject: str, payload: bytes, timeout: float, headers: dict[str, str] | None
    ) -> bytes:
        """The reply; empty when nobody listens."""
        loop = asyncio.get_running_loop()
        number = str(next(self._numbers))
        waiting = self._waiting[number] = Waiting(loop.create_future(), loop.time() + timeout)
        try:
            inbox = f"{self._inbox}.{number}"
            await self._client.publish(subject, payload, reply=inbox, headers=headers)
            return await waiting.reply
        except nats.errors.Error as error:
            raise Unavailable(f"the bus is away: {error!r}") from None
        finally:
            del self._waiting[number]

    async def _on_reply(self, message: Msg) -> None:
        waiting = self._waiting.get(message.subject.rpartition(".")[2])
        if waiting is None or waiting.reply.done():
            return
        waiting.reply.set_result(message.data)

    def _give_up_all(self) -> None:
        """The connection is lost, and with it every reply that was on its way."""
        for waiting in self._waiting.values():
            if not waiting.reply.done():
                waiting.reply.set_exception(Unavailable("the bus went away"))

    async def _sweep(self) -> None:
        """Refuse what has waited too long."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0.25)
            now = loop.time()
            for waiting in self._waiting.values():
                if waiting.deadline <= now and not waiting.reply.done():
                    waiting.reply.set_exception(Unavailable("the worker gave no reply"))

    def tell(self, command: Command) -> None:
        """Send without waiting for the outcome; what cannot be delivered is dropped."""
        task = asyncio.create_task(self._tell(command))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, command: Command) -> None:
        try:
            await self.ask(command)
        except Exception:  # nobody waits for it, and the next offence will be told again
            return


@lru_cache(1_000)
def _seconds(name: str, outcome: str) -> Histogram:
    return metrics.COMMAND_SECONDS.labels(name, outcome)


def _outcome_of(refusal: Refusal) -> str:
    if isinstance(refusal, Unavailable):
        return "unavailable"
    return "failed" if type(refusal) is Refusal else "refused"
