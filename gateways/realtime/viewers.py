"""Who looks at live views: counted, and asked again for as long as he looks whether he may."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from commands.store import StoreDown
from domain.errors import Refusal, Unavailable
from events.base import AccountId
from gateways import metrics

log = logging.getLogger("callplane.realtime")

CHECK = 30.0
"""Seconds between two looks whether those who look still may."""

Check = Callable[[], Awaitable[object]]
"""Raises a Refusal when he may not look any more."""


@dataclass(eq=False)
class Viewer:
    account_id: AccountId | None
    """None: he may see everything."""
    key: str
    """The same for viewers who show the same credential."""
    check: Check
    over: asyncio.Event = field(default_factory=asyncio.Event)
    refusal: Refusal | None = None
    """Why it is over; None: the service stops."""

    def end(self, refusal: Refusal | None) -> None:
        self.refusal = refusal
        self.over.set()


class Viewers:
    def __init__(
        self, limit: int, settled: Callable[[], Awaitable[object]], every: float = CHECK
    ) -> None:
        """`settled`: returns when the read models that credentials are looked up in show all that
        has happened."""
        self._limit = limit
        self._settled = settled
        self._every = every
        self._all: set[Viewer] = set()
        self._suspects: set[AccountId] = set()
        self._look = asyncio.Event()

    @contextmanager
    def admitted(self, viewer: Viewer) -> Iterator[None]:
        """Count a viewer in for the block. Raises Unavailable when there are too many."""
        if len(self._all) >= self._limit:
            raise Unavailable("too many are watching")
        self._all.add(viewer)
        metrics.VIEWERS.inc()
        try:
            yield
        finally:
            self._all.discard(viewer)
            metrics.VIEWERS.dec()

    def accounts(self) -> set[AccountId]:
        """Those at which somebody looks."""
        return {viewer.account_id for viewer in self._all if viewer.account_id is not None}

    def suspect(self, account_id: AccountId) -> None:
        """Something about the account's credentials has changed: look at its viewers now."""
        self._suspects.add(account_id)
        self._look.set()

    async def close_at(self, stop: asyncio.Event) -> None:
        """Let everybody go when the service stops."""
        await stop.wait()
        for viewer in list(self._all):
            viewer.end(None)

    async def run(self) -> None:
        """Look at them again and again, until cancelled."""
        clock = asyncio.get_running_loop().time
        due = clock() + self._every
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._look.wait()
            if clock() >= due:  # however often somebody was suspected meanwhile
                due = clock() + self._every
                await self._check(list(self._all))
                continue
            self._look.clear()
            suspects, self._suspects = self._suspects, set()
            with suppress(StoreDown):
                await self._settled()
            await self._check([one for one in self._all if one.account_id in suspects])

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
