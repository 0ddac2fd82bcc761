"""Calls that edge nodes have to make by themselves: callbacks whose agent is reserved.

A node on the bus is told at once (`edge.<node>.op.originate`); one that speaks only HTTP finds the
same in the answer to its next report, or to a poll without a call (POST /flow). Both may happen;
the call has one id.
"""

import time
from typing import Any

from commands.flow import ShowCallback
from domain.errors import Refusal
from gateways.bus.client import Commander
from gateways.store.reader import Reader
from projections import callbacks


class Callbacks:
    def __init__(self, commander: Commander, reader: Reader) -> None:
        self._commander = commander
        self._reader = reader

    async def order(self, account_id: str, lease_id: str, epoch: int) -> dict[str, Any] | None:
        """What the node has to do for a reservation; None when that is over."""
        wish = {"accountId": account_id, "leaseId": lease_id, "epoch": epoch}
        reply = await self._commander.ask(ShowCallback.model_validate(wish))
        return reply.body or None

    async def due_at(self, node_id: str) -> list[dict[str, Any]]:
        now = int(time.time() * 1000)
        rows = await self._reader.query(lambda sql: callbacks.due_at_node(sql, node_id, now))
        found = []
        for row in rows:
            try:
                order = await self.order(**row)
            except Refusal:  # it is in the answer to the next question
                continue
            if order is not None:
                found.append(order)
        return found
