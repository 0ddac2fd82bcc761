"""One account that is watched: its board, kept up to date, and its changes for those who watch."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from typing import Any

from nats.aio.client import Client

from commands.store import StoreDown
from domain.errors import Unavailable
from events.base import AccountId, CallId
from events.catalogue import CATALOGUE
from gateways.bus.tail import AWAY, Gap, Published, Tail
from gateways.ids import new_id
from gateways.realtime import frames
from gateways.realtime.frames import Place, Stamp
from gateways.realtime.journal import Journal
from gateways.store.codec import decode
from projections.wallboard.board import Board

log = logging.getLogger("callplane.realtime")

AREAS = ("acd", "presence", "resources", "sessions")
"""Of the facts that a board is made of, or that say who may look at it."""
CREDENTIALS = ("resources.api_key_", "resources.console_user_", "resources.account_", "sessions.")
"""Facts after which it has to be asked again who may look."""
TICK = 0.01
"""Seconds in which facts are gathered to one change."""
GAUGES = 1.0
"""Seconds after which what depends on the time alone is looked at."""
BEAT = 5.0
"""Seconds without a change after which a viewer is told that the service is there."""
PAUSE = 0.5
"""Seconds before another try to begin."""
FIRST = 10.0
"""Seconds that the first who watches waits for the board."""

Load = Callable[[AccountId], Awaitable[Board]]
Begin = Callable[[str], int]
"""Timezone → since when figures count now (epoch ms)."""


class Watched:
    def __init__(
        self,
        client: Client,
        account_id: AccountId,
        load: Load,
        begin: Begin,
        clock: Callable[[], int],
        on_credentials: Callable[[AccountId], None],
    ) -> None:
        self._client = client
        self._account_id = account_id
        self._load = load
        self._begin = begin
        self._clock = clock
        self._on_credentials = on_credentials
        self._board: Board | None = None
        self._journal = Journal({})
        self._epoch = new_id("epoch")
        self._at = 0
        self._is_live = False
        self._is_flushing = False
        self._version = 0
        """Rises with everything that viewers are to be told."""
        self._moved = asyncio.Event()
        self._again = asyncio.Event()
        self._cache: dict[int | None, bytes] = {}
        """Since → the frame as it would be now; None: the snapshot."""
        self._running = asyncio.create_task(self._run(), context=Context())

    def close(self) -> None:
        self._running.cancel()

    async def ready(self) -> None:
        """Wait until there is something to see. Raises Unavailable."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST):
                while self._board is None:
                    await self._moved.wait()
        if self._board is None:
            raise Unavailable("the account's state cannot be read at the moment")

    # Query

    @property
    def board(self) -> Board:
        assert self._board is not None, "ready"
        return self._board

    def data(self) -> dict[str, Any]:
        """Figures and snapshot, for who asks now and then."""
        self._flush()
        stamp = self._stamp().members()
        return {
            **stamp,
            "at": self._clock(),
            "kpis": self.board.kpis(self._clock()),
            "snapshot": self._journal.values,
        }

    def why_not(self, call_id: str) -> dict[str, Any] | None:
        return self.board.why_not(CallId(call_id))

    async def frames(self, place: Place | None) -> AsyncIterator[bytes]:
        """What a viewer who is at `place` gets, one after the other; the next is made when he has
        taken the one before. Ends never."""
        seen = self._version
        if place is None or place.epoch != self._epoch or not self._journal.knows(place.sequence):
            sequence = self._journal.sequence
            yield self._snapshot()
        else:
            sequence, frame = self._delta(place.sequence)
            yield frame
        while True:
            if seen == self._version:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._moved.wait(), BEAT)
            seen = self._version
            sequence, frame = self._delta(sequence)
            yield frame

    def _delta(self, since: int) -> tuple[int, bytes]:
        """Made once for all who are at the same place."""
        sequence = self._journal.sequence
        if not self._journal.knows(since):
            return sequence, self._snapshot()
        if since not in self._cache:
            self._cache[since] = frames.delta(self._stamp(), since, self._journal.since(since))
        return sequence, self._cache[since]

    def _snapshot(self) -> bytes:
        if None not in self._cache:
            self._cache[None] = frames.snapshot(self._stamp(), self._journal.values)
        return self._cache[None]

    def _stamp(self) -> Stamp:
        position = self._board.position if self._board else 0
        return Stamp(self._epoch, self._journal.sequence, self._at, position, self._is_live)

    # Following

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except (Gap, StoreDown, *AWAY) as error:
                log.warning("wallboard: %s", str(error) or type(error).__name__)
            except Exception:
                log.exception("a wallboard failed; it is loaded again")
            self._tell(False)
            await asyncio.sleep(PAUSE)

    async def _follow(self) -> None:
        """Load, then follow until it has to be loaded again."""
        tail = Tail(self._client, self._subjects(), self._take, self._tell)
        await tail.begin()
        self._again.clear()
        self._board = await self._load(self._account_id)
        self._at = self._at or self._clock()
        self._journal.replace(self._board.values(self._clock()))
        self._tell(True)
        following = asyncio.create_task(tail.run())
        again = asyncio.create_task(self._wait_for_end())
        try:
            await asyncio.wait({following, again}, return_when=asyncio.FIRST_COMPLETED)
            for task in (following, again):
                if task.done():
                    task.result()
        finally:
            for task in (following, again):
                task.cancel()
            await asyncio.gather(following, again, return_exceptions=True)

    async def _wait_for_end(self) -> None:
        """Until what was counted has to be counted anew: another day, another rule."""
        while not self.board.is_outdated and self._begin(self.board.timezone) == self.board.since:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._again.wait(), GAUGES)
            self._write({"gauges": self.board.gauges(self._clock())})

    def _subjects(self) -> list[str]:
        return [f"evt.{self._account_id}.{area}.>" for area in AREAS]

    def _take(self, published: Published) -> None:
        if published.name not in CATALOGUE:  # of a newer release
            return
        fact = decode(published.name, published.state)
        self._at = max(self._at, fact.at)
        self.board.fold(published.position, fact)
        if published.name.startswith(CREDENTIALS):
            self._on_credentials(self._account_id)
        if not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_later(TICK, self._flush)

    def _flush(self) -> None:
        self._is_flushing = False
        if self.board.is_outdated:
            self._again.set()
        self._write(self.board.take_changes(self._clock()))

    def _write(self, values: Any) -> None:
        if self._journal.write(values):
            self._wake()

    def _tell(self, is_live: bool) -> None:
        if is_live != self._is_live:
            self._is_live = is_live
            self._wake()

    def _wake(self) -> None:
        self._version += 1
        self._cache.clear()
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
