"""Polls of engines: the answer waits until there is something new (spec 04, long poll).

The owner of the call holds a poll back and answers it with the commit that has something for it;
here it is only asked again when it has waited for long, or when the owner is gone. A poll without a
call asks what an edge node has to do besides its calls.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from commands.flow import StepFlow
from domain.errors import Unavailable
from domain.flow.node import POLL_MS
from events.base import AccountId
from gateways import about
from gateways.bus.client import TIMEOUT, Commander
from gateways.edge.callbacks import Callbacks

HOLD = 4.0
"""Seconds for which an owner holds a poll back; then it is asked again, perhaps another one."""
LEAST = 0.2
"""Seconds between two such questions at least."""
LOOK_FOR_OPS = 0.5
"""Seconds between two looks for what a node that polls has to do."""


class Patience(BaseModel):
    """How long an engine may be kept waiting for the answer to a poll."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")

    wait_ms: int = Field(default=25_000, ge=0, le=25_000)

    @property
    def seconds(self) -> float:
        return self.wait_ms / 1000


class Polls:
    def __init__(self, commander: Commander, callbacks: Callbacks) -> None:
        self._commander = commander
        self._callbacks = callbacks
        self._is_closing = False

    async def close_at(self, stop: asyncio.Event) -> None:
        """Let everybody go when the service is about to stop."""
        await stop.wait()
        self._is_closing = True

    async def told(
        self, account_id: AccountId, poll: StepFlow, patience: Patience
    ) -> Mapping[str, Any]:
        """What is next for the call; `noop` when nothing came. Raises what the owner refuses, and
        Unavailable if there is none for all that time."""
        clock = asyncio.get_running_loop().time
        until = clock() + patience.seconds
        while True:
            asked_at = clock()
            is_last = asked_at >= until or self._is_closing
            hold = 0.0 if is_last else min(until - asked_at, HOLD)
            update = {"account_id": account_id, "hold_ms": int(hold * 1000)}
            try:
                told = await self._commander.ask(poll.model_copy(update=update), TIMEOUT + hold)
                if told.body["command"] != "noop" or is_last:
                    return told.body
            except Unavailable:
                if is_last:
                    raise
            await asyncio.sleep(max(0.0, asked_at + LEAST - clock()))

    async def ops(self, node_id: str, patience: Patience) -> dict[str, Any]:
        """What the node has to do besides its calls."""
        clock = asyncio.get_running_loop().time
        until = clock() + patience.seconds
        about.held()
        while not (found := await self._callbacks.due_at(node_id)):
            if clock() >= until or self._is_closing:
                break
            await asyncio.sleep(min(LOOK_FOR_OPS, max(0.0, until - clock())))
        return {"command": "noop", "retryMs": POLL_MS, "ops": found}
