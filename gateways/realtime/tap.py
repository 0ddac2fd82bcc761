"""What passes on the bus, as it passes: commands, their replies and how long they took, facts, and
what edges say and are told.

It listens only while somebody looks. A listener has a box of `BOX` entries; when he does not keep
up, the oldest are dropped, and he is told how many. Secrets are left out, and what is long is only
named.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from typing import Any, NamedTuple

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from domain.errors import Unavailable
from events.base import AccountId
from gateways.bus.relay import POSITION

BOX = 2_000
"""Entries that wait for a listener."""
BATCH = 200
"""Entries that are sent together."""
GATHER = 0.05
"""Seconds in which entries are gathered."""
BEAT = 5.0
"""Seconds without an entry after which a listener is told that the service is there."""
OPEN = 20_000
"""Commands whose reply is waited for."""
LONGEST = 16_384
"""Bytes of a body that is shown."""
SUBJECTS = ("cmd.>", "_INBOX.>", "evt.>", "edge.>")
DELIVERED = "$JS.ACK."
"""Begin of the subject to which a consumer's delivery is acknowledged. What a stream hands on has
passed before, when it was published."""
SECRET = frozenset(
    {"password", "secret", "pin", "response", "ha1", "ha1b", "ha1_sha256", "key", "token", "sha256"}
)
"""Members whose values are not shown; names in lower case."""
HIDDEN = "•••"


class Kind(StrEnum):
    COMMAND = "command"
    REPLY = "reply"
    EVENT = "event"
    EDGE = "edge"


class Wanted(NamedTuple):
    """What a listener wants to see; None: all."""

    account_id: AccountId | None = None
    call_id: str | None = None
    kinds: frozenset[Kind] = frozenset(Kind)

    def matches(self, entry: Mapping[str, Any]) -> bool:
        return (
            entry["kind"] in self.kinds
            and self.account_id in (None, entry["accountId"])
            and self.call_id in (None, entry["callId"])
        )


class Box:
    """What waits for a listener."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self._entries: deque[dict[str, Any]] = deque()
        self._dropped = 0
        self._came = asyncio.Event()

    def put(self, entry: dict[str, Any]) -> None:
        if len(self._entries) >= BOX:
            self._entries.popleft()
            self._dropped += 1
        self._entries.append(entry)
        self._came.set()

    async def frames(self) -> AsyncIterator[bytes]:
        """`{"type": "entries", "dropped", "entries"}`: `dropped` were before these."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT):
                    await self._came.wait()
            await asyncio.sleep(GATHER)
            yield self._take()

    def _take(self) -> bytes:
        batch = [self._entries.popleft() for _ in range(min(BATCH, len(self._entries)))]
        dropped, self._dropped = self._dropped, 0
        if not self._entries:
            self._came.clear()
        return orjson.dumps({"type": "entries", "dropped": dropped, "entries": batch})


class _Asked(NamedTuple):
    """A command whose reply has not passed."""

    name: str
    account_id: str | None
    call_id: str | None
    at: float
    """Seconds, of a clock that does not jump."""


class Tap:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._boxes: set[Box] = set()
        self._subscriptions: list[Subscription] = []
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        self._turning = asyncio.Lock()

    @asynccontextmanager
    async def opened(self, wanted: Wanted) -> AsyncIterator[Box]:
        """A box that fills for the block. Raises Unavailable."""
        box = Box(wanted)
        self._boxes.add(box)
        try:
            await self._turn()
            yield box
        finally:
            self._boxes.discard(box)
            with suppress(Unavailable):
                await self._turn()

    async def _turn(self) -> None:
        """On while there are boxes."""
        async with self._turning:
            try:
                if self._boxes and not self._subscriptions:
                    for subject in SUBJECTS:
                        made = await self._client.subscribe(subject, cb=self._on_message)
                        self._subscriptions.append(made)
                    await self._client.flush(2)
                elif not self._boxes:
                    while self._subscriptions:
                        await self._subscriptions.pop().unsubscribe()
                    self._asked.clear()
            except (nats.errors.Error, TimeoutError) as error:
                raise Unavailable(f"the bus is away: {error!r}") from None

    async def _on_message(self, message: Msg) -> None:
        if message.reply.startswith(DELIVERED):
            return
        entry = self._entry(message)
        if entry is None:
            return
        takers = [box for box in self._boxes if box.wanted.matches(entry)]
        if takers:
            entry["body"] = _shown(message.data)
            for box in takers:
                box.put(entry)

    def _entry(self, message: Msg) -> dict[str, Any] | None:
        first = message.subject.partition(".")[0]
        match first:
            case "cmd":
                return self._command(message)
            case "evt":
                return _event(message)
            case "edge":
                return _edge(message)
        return self._reply(message)

    def _command(self, message: Msg) -> dict[str, Any] | None:
        _, _, name = message.subject.split(".", 2)
        members = _members(message.data)
        if not members:
            return None  # a ping
        account_id, call_id = members.get("accountId"), members.get("callId")
        if message.reply:
            self._asked[message.reply] = _Asked(name, account_id, call_id, time.monotonic())
            while len(self._asked) > OPEN:
                self._asked.popitem(last=False)
        return _about(Kind.COMMAND, name, account_id, call_id)

    def _reply(self, message: Msg) -> dict[str, Any] | None:
        asked = self._asked.pop(message.subject, None)
        if asked is None:
            return None
        entry = _about(Kind.REPLY, asked.name, asked.account_id, asked.call_id)
        return entry | {"ms": round((time.monotonic() - asked.at) * 1000, 3)}


def _about(
    kind: Kind, name: str, account_id: str | None, call_id: str | None, **more: Any
) -> dict[str, Any]:
    at = time.time_ns() // 1_000_000
    ids = {"accountId": account_id, "callId": call_id}
    return {"kind": kind.value, "at": at, "name": name, **ids, **more}


def _event(message: Msg) -> dict[str, Any]:
    members, headers = _members(message.data), message.headers or {}
    position = headers.get(POSITION, "")
    return _about(
        Kind.EVENT,
        headers.get("ce-type", message.subject),
        members.get("account_id"),
        members.get("call_id"),
        position=int(position) if position.isdigit() else None,
    )


def _edge(message: Msg) -> dict[str, Any]:
    _, node, name = (*message.subject.split(".", 2), "")[:3]
    members = _members(message.data)
    return _about(Kind.EDGE, name, members.get("accountId"), members.get("callId"), node=node)


def _members(data: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _shown(data: bytes) -> Any:
    if len(data) > LONGEST:
        return {"bytes": len(data)}
    try:
        return without_secrets(orjson.loads(data))
    except orjson.JSONDecodeError:
        return {"bytes": len(data)}


def without_secrets(value: Any) -> Any:
    """The same, with `HIDDEN` in the place of what nobody is to read over a shoulder."""
    if isinstance(value, dict):
        return dict(_members_shown(value))
    return [without_secrets(item) for item in value] if isinstance(value, list) else value


def _members_shown(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, member in value.items():
        is_secret = name.lower() in SECRET and isinstance(member, str | int)
        yield name, HIDDEN if is_secret else without_secrets(member)
