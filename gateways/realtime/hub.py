"""Who watches which account, and whether he still may.

An account is loaded for the first who watches it, and kept for a while after the last has gone, so
that who comes back, or asks every 15 seconds, costs nothing. Viewers are counted: one too many is
told to come later.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from nats.aio.client import Client

from commands.store import StoreDown
from domain.errors import Refusal, Unavailable
from events.base import AccountId
from gateways import metrics
from gateways.realtime.watched import Begin, Load, Watched

log = logging.getLogger("callplane.realtime")

LINGER = 60.0
"""Seconds for which an account is kept that nobody watches."""
CHECK = 30.0
"""Seconds between two looks whether those who watch still may."""

Check = Callable[[], Awaitable[object]]
"""Raises a Refusal when he may not look any more."""


@dataclass(eq=False)
class Viewer:
    """Somebody who watches."""

    account_id: AccountId
    key: str
    """The same for viewers who show the same credential."""
    check: Check
    over: asyncio.Event = field(default_factory=asyncio.Event)
    refusal: Refusal | None = None
    """Why it is over; None: the service stops."""

    def end(self, refusal: Refusal | None) -> None:
        self.refusal = refusal
        self.over.set()


@dataclass
class _Kept:
    watched: Watched
    viewers: set[Viewer]
    used_at: float


class Hub:
    def __init__(
        self,
        client: Client,
        load: Load,
        begin: Begin,
        clock: Callable[[], int],
        max_viewers: int,
        settled: Callable[[], Awaitable[object]],
    ) -> None:
        """`settled`: returns when the read models that credentials are looked up in show all that
        has happened."""
        self._client = client
        self._load = load
        self._begin = begin
        self._clock = clock
        self._max_viewers = max_viewers
        self._settled = settled
        self._accounts: dict[AccountId, _Kept] = {}
        self._suspects: set[AccountId] = set()
        self._look = asyncio.Event()

    async def run(self) -> None:
        """Look after viewers and accounts until cancelled; then all is over."""
        checking = asyncio.create_task(self._check_again_and_again())
        try:
            while True:
                await asyncio.sleep(1)
                self._forget()
        finally:
            checking.cancel()
            for kept in self._accounts.values():
                kept.watched.close()

    async def close_at(self, stop: asyncio.Event) -> None:
        """Let everybody go when the service stops."""
        await stop.wait()
        for viewer in self._viewers():
            viewer.end(None)

    async def watched(self, account_id: AccountId) -> Watched:
        """The account, ready to be looked at. Raises Unavailable."""
        kept = self._accounts.get(account_id)
        if kept is None:
            watched = Watched(
                self._client, account_id, self._load, self._begin, self._clock, self._suspect
            )
            kept = self._accounts[account_id] = _Kept(watched, set(), 0)
        kept.used_at = _now()
        await kept.watched.ready()
        return kept.watched

    @contextmanager
    def admitted(self, viewer: Viewer) -> Iterator[None]:
        """Count a viewer in for the block. Raises Unavailable."""
        kept = self._accounts[viewer.account_id]
        if sum(1 for _ in self._viewers()) >= self._max_viewers:
            raise Unavailable("too many are watching")
        kept.viewers.add(viewer)
        metrics.VIEWERS.inc()
        try:
            yield
        finally:
            kept.viewers.discard(viewer)
            kept.used_at = _now()
            metrics.VIEWERS.dec()

    def _viewers(self) -> Iterator[Viewer]:
        for kept in list(self._accounts.values()):
            yield from list(kept.viewers)

    def _forget(self) -> None:
        for account_id, kept in list(self._accounts.items()):
            if not kept.viewers and _now() - kept.used_at > LINGER:
                kept.watched.close()
                del self._accounts[account_id]

    def _suspect(self, account_id: AccountId) -> None:
        """Something about the account's credentials has changed: look at its viewers now."""
        self._suspects.add(account_id)
        self._look.set()

    async def _check_again_and_again(self) -> None:
        while True:
            try:
                async with asyncio.timeout(CHECK):
                    await self._look.wait()
            except TimeoutError:
                await self._check(list(self._viewers()))
                continue
            self._look.clear()
            suspects, self._suspects = self._suspects, set()
            with suppress(StoreDown):
                await self._settled()
            await self._check([one for one in self._viewers() if one.account_id in suspects])

    async def _check(self, whom: list[Viewer]) -> None:
        """Each credential once; one that cannot be looked at now is looked at again later."""
        by_key: dict[str, list[Viewer]] = {}
        for viewer in whom:
            by_key.setdefault(viewer.key, []).append(viewer)
        for viewers in by_key.values():
            try:
                await viewers[0].check()
            except (StoreDown, Unavailable):
                continue
            except Refusal as refusal:
                for viewer in viewers:
                    viewer.end(refusal)
            except Exception:
                log.exception("a credential could not be looked at")


def _now() -> float:
    return asyncio.get_running_loop().time()
