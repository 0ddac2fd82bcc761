"""Edge nodes on the bus: events from JetStream, questions by request-reply (spec 13).

`edge.<node>.event.<type>` is the same as POST /presence/event,
`edge.<node>.req.<auth|route|flow|agent|transfer|report>` the same as POST /auth, /route, /flow,
/agent, /transfer (`action`: complete, cancel or 3way) and /security/report. An event is
acknowledged after its effect is durable. What can never succeed goes to `dlq.<subject>` with the
reason and is acknowledged too, so that it blocks nobody and is not sent for ever; what cannot
succeed now (no worker, no store) is asked for again. Events of one call that come together are
taken in their order, those of several calls at once.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import Error as JetStreamError

from commands.store import StoreDown
from domain.errors import Refusal, Unavailable
from gateways import about, metrics, tracing
from gateways.about import About
from gateways.bus.connection import EDGE
from gateways.edge.control import EdgeControl, decode_json, farewell
from gateways.problems import body_of
from gateways.security import Security

log = logging.getLogger("callplane.edge")

DURABLE = "edge-events"
BATCH = 100
RETRY_DELAY = 1.0
"""Seconds after which an event that could not be taken is delivered again."""


class EdgeBus:
    def __init__(self, client: Client, control: EdgeControl, security: Security) -> None:
        self._client = client
        self._jetstream: JetStreamContext = client.jetstream()
        self._control = control
        self._security = security
        self._answering: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until cancelled."""
        await self._client.subscribe("edge.*.req.*", queue="control", cb=self._on_request)
        while True:
            try:
                await self._consume()
            except (nats.errors.Error, JetStreamError, TimeoutError) as error:
                log.warning("edge events: %s", str(error) or type(error).__name__)
                await asyncio.sleep(0.5)

    async def _consume(self) -> None:
        config = ConsumerConfig(
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=30,
            max_ack_pending=5_000,
        )
        pull = await self._jetstream.pull_subscribe(
            "edge.*.event.>", durable=DURABLE, stream=EDGE, config=config
        )
        while True:
            try:
                messages = await pull.fetch(BATCH, timeout=5)
            except TimeoutError:
                continue
            lanes: dict[str, list[Msg]] = {}
            for message in messages:
                lanes.setdefault(_lane_of(message), []).append(message)
            await asyncio.gather(*(self._take_in_order(lane) for lane in lanes.values()))

    async def _take_in_order(self, lane: Sequence[Msg]) -> None:
        """What is about one call or user one after the other; what cannot be taken now holds up
        the rest of it."""
        for number, message in enumerate(lane):
            if not await self._take(message):
                for later in lane[number:]:
                    await later.nak(delay=RETRY_DELAY)
                return

    async def _take(self, message: Msg) -> bool:
        """False: not now."""
        with _work(message):
            return await self._taken(message)

    async def _taken(self, message: Msg) -> bool:
        try:
            _, node, _, kind = message.subject.split(".", 3)
            body = {**decode_json(message.data), "type": kind}
            await self._control.event(body, node)
        except (Unavailable, StoreDown):
            metrics.EDGE_EVENTS.labels("later").inc()
            return False
        except Refusal as refusal:
            await self._bury(message, refusal.detail)
        except Exception as error:
            log.exception("an edge event failed: %s", message.subject)
            await self._bury(message, repr(error))
        else:
            metrics.EDGE_EVENTS.labels("taken").inc()
        await message.ack()
        return True

    async def _bury(self, message: Msg, reason: str) -> None:
        metrics.EDGE_EVENTS.labels("poison").inc()
        safe = reason.encode("ascii", "replace").decode().replace("\r", " ").replace("\n", " ")
        await self._jetstream.publish(
            f"dlq.{message.subject}", message.data, headers={"Callplane-Reason": safe[:500]}
        )

    async def _on_request(self, message: Msg) -> None:
        task = asyncio.create_task(self._answer(message))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, message: Msg) -> None:
        with _work(message):
            await self._answered(message)

    async def _answered(self, message: Msg) -> None:
        try:
            _, node, _, kind = message.subject.split(".", 3)
            body = decode_json(message.data)
            if kind == "route":
                answer = await self._control.route(body, node)
            elif kind == "auth":
                answer = await self._control.auth(body, node)
            elif kind == "flow":
                answer = await self._control.flow(body, node)
            elif kind == "report":
                answer = await self._security.report(body, node)
            elif kind == "agent":
                answer = await self._control.agent(body, node)
            elif kind == "transfer":
                action = str(body.get("action") or "")
                answer = await self._control.transfer(action, body, node)
            else:
                return
        except Refusal as refusal:
            answer = {"error": body_of(refusal, message.subject)}
            answer |= farewell(refusal) if message.subject.endswith(".flow") else {}
        except StoreDown:
            answer = {"error": body_of(Unavailable("the store is away"), message.subject)}
        if message.reply:
            await self._client.publish(message.reply, orjson.dumps(answer))


def _work(message: Msg) -> AbstractContextManager[object]:
    """What is known of the work for a message, for the log and for traces."""
    about.NOW.set(About())
    if (spans := tracing.spans()) is None:
        return nullcontext()
    _, _, way, kind = message.subject.split(".", 3)
    return spans.asked(f"edge {way} {kind}", message.headers)


def _lane_of(message: Msg) -> str:
    """Names what an event is about; one that cannot be read is about nothing else."""
    with suppress(Refusal):
        body = decode_json(message.data)
        for member in ("callId", "username", "userId"):
            if isinstance(about := body.get(member), str | int):
                return f"{member} {about}"
    return message.reply
