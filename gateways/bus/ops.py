"""Tells edge nodes at once what was decided: `edge.<node>.op.<ban|unban|allow|originate>`, and what
phones show of their mailboxes: `edge.<node>.op.mwi`.

Listens to the facts as the relay publishes them; one gateway of all takes each. What a node misses
it gets with the answer to its next report.
"""

from contextlib import suppress
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from domain.errors import Refusal
from events.base import PLATFORM
from gateways.bus.nodes import Nodes
from gateways.edge.callbacks import Callbacks

QUEUE = "edge-ops"
RESERVED = "evt.*.acd.agent_reserved"
OPS = {
    "imposed": ("ban", ("ip", "rule", "expires_at")),
    "lifted": ("unban", ("ip",)),
    "range_allowed": ("allow", ("ip", "expires_at")),
}
"""Fact → operation and the members of the fact that the node needs."""
MWI = {
    "accountId": "account_id",
    "userIds": "user_ids",
    "mailboxId": "voicemail_id",
    "new": "new",
    "old": "old",
}
"""Member of the operation `mwi` → of the fact."""
_NAMES = {"rule": "reason", "expires_at": "expiresAt"}


class EdgeOps:
    def __init__(self, client: Client, nodes: Nodes, callbacks: Callbacks) -> None:
        self._client = client
        self._nodes = nodes
        self._callbacks = callbacks

    async def start(self) -> None:
        subject = f"evt.{PLATFORM}.bans.*"
        await self._client.subscribe(subject, queue=QUEUE, cb=self._on_fact)
        await self._client.subscribe(RESERVED, queue=QUEUE, cb=self._on_reserved)
        await self._client.subscribe("evt.*.voicemail.*", queue=QUEUE, cb=self._on_mailbox)

    async def _on_reserved(self, message: Msg) -> None:
        """An agent is reserved; for a callback the node has to make the call."""
        fact: dict[str, Any] = orjson.loads(message.data)
        node_id = (fact.get("callback") or {}).get("node_id")
        if not node_id or not is_token(node_id):
            return
        with suppress(Refusal):  # the node finds it when it asks
            order = await self._callbacks.order(fact["account_id"], fact["lease_id"], fact["epoch"])
            if order is not None:
                await self._client.publish(f"edge.{node_id}.op.originate", orjson.dumps(order))

    async def _on_fact(self, message: Msg) -> None:
        op = OPS.get(message.subject.rpartition(".")[2])
        if op is None:
            return
        name, members = op
        fact: dict[str, Any] = orjson.loads(message.data)
        await self._tell(name, {_NAMES.get(member, member): fact[member] for member in members})

    async def _on_mailbox(self, message: Msg) -> None:
        """Message waiting (RFC 3842): how many messages are new and old now."""
        fact: dict[str, Any] = orjson.loads(message.data)
        if fact.get("user_ids"):
            await self._tell("mwi", {name: fact[member] for name, member in MWI.items()})

    async def _tell(self, name: str, members: dict[str, Any]) -> None:
        told = orjson.dumps(members)
        for node_id in await self._nodes.all():
            if is_token(node_id):
                await self._client.publish(f"edge.{node_id}.op.{name}", told)


def is_token(node_id: str) -> bool:
    """Whether a node's name can stand in a subject; one that is known by its address reports over
    HTTP."""
    return node_id.isprintable() and not set(node_id) & set(" .*>")
