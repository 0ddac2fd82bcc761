"""Where the time between a free agent and the order to ring goes: every hop on the bus, watched.

A listener beside the services hears the commands and their replies. It costs
time itself, so the figures are shares, not limits.
"""

import time
from typing import Any, NamedTuple

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from commands.call import ReportDialog
from commands.catalogue import NAMES
from commands.flow import StepFlow
from deploy.bench.report import percentile

HOPS = (
    "end of a call: HTTP, to the bus",
    "end of a call: worker, until it is durable",
    "held poll: answered with the same commit",
    "dial: to the engine",
)

END, STEP = NAMES[ReportDialog], NAMES[StepFlow]


class Asked(NamedTuple):
    name: str
    at: float
    reply: str


class Hops:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._commands: dict[str, list[Asked]] = {}
        """By call."""
        self._replied: dict[str, float] = {}
        self._found: list[tuple[str, float, str, float]] = []

    async def start(self) -> None:
        for name in (END, STEP):
            await self._client.subscribe(f"cmd.*.{name}", cb=self._on_command)
        await self._client.subscribe("_INBOX.>", cb=self._on_reply)
        await self._client.flush()

    def dispatched(self, ended: str, asked: float, call_id: str, arrived: float) -> None:
        """The end of one call gave its agent to another caller."""
        self._found.append((ended, asked, call_id, arrived))

    def summary(self) -> dict[str, Any]:
        """Median and 99th percentile of each hop, in ms."""
        ways = [way for found in self._found if (way := self._way(*found))]
        shown: dict[str, Any] = {"ways that were seen whole": len(ways)}
        for number, name in enumerate(HOPS):
            times = sorted(way[number + 1] - way[number] for way in ways)
            shown[name] = [percentile(times, 0.5), percentile(times, 0.99)]
        return shown

    def _way(self, ended: str, asked: float, call_id: str, arrived: float) -> list[float] | None:
        """The moments between which the hops are; None where one was not seen."""
        end = next((one for one in self._commands.get(ended, ()) if one.name == END), None)
        if end is None or (freed := self._replied.get(end.reply)) is None:
            return None
        polls = (one for one in self._commands.get(call_id, ()) if one.name == STEP)
        told = [at for one in polls if (at := self._replied.get(one.reply)) and at >= end.at]
        return [asked, end.at, freed, max(freed, min(told)), arrived] if told else None

    async def _on_command(self, message: Msg) -> None:
        now, name = time.perf_counter(), message.subject.split(".", 2)[2]
        call_id = orjson.loads(message.data)["callId"]
        self._commands.setdefault(call_id, []).append(Asked(name, now, message.reply))

    async def _on_reply(self, message: Msg) -> None:
        self._replied.setdefault(message.subject, time.perf_counter())
