"""Live calls, followed step by step: each follower hears of a call as it is stored.

One question to the store per news, for all followers of the process together, says whose calls have
something new; only those are read again. Nothing is held for a follower but what he has been told
of, and he is gone with the end of his generator, however that comes.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow

from commands.store import StoreDown
from domain.errors import Refusal, Unavailable
from events.base import AccountId, CallId
from gateways import traces
from gateways.store.reader import Reader
from gateways.traces import Trace
from projections import signalling

log = logging.getLogger("callplane.following")

MOST = 100
"""Followers of a process."""
MOST_OF_ACCOUNT = 20
"""Of these, those that one account may have: nobody shuts the others out."""
LOOK = 1.0
"""Seconds after which the store is asked even if no notification came."""
REST = 0.1
"""Seconds from one such question to the next at least."""
BEAT = 10.0
"""Seconds of silence after which a follower hears that the line is alive; and after which he
has to show again that he may listen, silence or not."""
QUIET = 3.0
"""Seconds without anything new after which a call that is over is done with."""

NEWS = f"""
    SELECT w.number FROM unnest(%(numbers)s::int[], %(calls)s::text[], %(positions)s::bigint[],
                                %(messages)s::bigint[]) AS w (number, call_id, position, message)
     WHERE EXISTS (SELECT FROM views.trace AS t
                    WHERE t.call_id = w.call_id AND t.position > w.position)
        OR EXISTS (SELECT FROM capture.message AS m
                    WHERE m.call_id = ANY({signalling.CALL_IDS.format(call="w.call_id")})
                      AND m.number > w.message)"""

Line = dict[str, Any]
"""A step; or `{heartbeat}`, or as the last one `{end}` with the reason."""


async def _let_in() -> None:
    """Who asks the store himself needs no leave."""


class Followers:
    def __init__(self, reader: Reader, beat: float = BEAT) -> None:
        self._reader = reader
        self.beat = beat
        self._following: set[Follower] = set()
        self._looking: asyncio.Task[None] | None = None
        self.is_closing = False

    def __len__(self) -> int:
        return len(self._following)

    async def begin(
        self,
        call_id: CallId,
        account_id: AccountId | None,
        check: Callable[[], Awaitable[None]] = _let_in,
    ) -> "Follower":
        """Raises NotFound, and Unavailable when too many follow; `check` raises a Refusal when the
        follower may listen no more."""
        if len(self._following) >= MOST or self.is_closing:
            raise Unavailable(f"{MOST} calls are followed here")
        if account_id is not None and self._of(account_id) >= MOST_OF_ACCOUNT:
            raise Unavailable(f"the account follows {MOST_OF_ACCOUNT} calls here")
        await self._reader.caught_up("trace")
        found = await self.read(call_id, account_id)
        return Follower(self, call_id, account_id, check, found)

    async def read(self, call_id: CallId, account_id: AccountId | None) -> Trace:
        return await self._reader.query(lambda sql: traces.read(sql, call_id, account_id))

    def _of(self, account_id: AccountId) -> int:
        return sum(one.account_id == account_id for one in self._following)

    @contextmanager
    def joined(self, one: "Follower") -> Iterator[None]:
        self._following.add(one)
        if self._looking is None:
            # for everybody: not in the name of the request that came first
            self._looking = asyncio.create_task(self._look_for_ever(), context=Context())
        try:
            yield
        finally:
            self._following.discard(one)
            if not self._following and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def close_at(self, stop: asyncio.Event) -> None:
        """Let everybody go when the service is about to stop."""
        await stop.wait()
        self.is_closing = True
        for one in self._following:
            one.news.set()

    async def _look_for_ever(self) -> None:
        while True:
            await self._reader.moves(LOOK)
            try:
                for one in await self._with_news():
                    one.news.set()
            except StoreDown as error:
                log.warning("nobody hears of news: %s", error)
            except Exception:  # whatever it is, the next question may be answered
                log.exception("nobody hears of news")
            await asyncio.sleep(REST)

    async def _with_news(self) -> list["Follower"]:
        asked = list(self._following)
        values = {
            "numbers": list(range(len(asked))),
            "calls": [one.call_id for one in asked],
            "positions": [one.position for one in asked],
            "messages": [one.message for one in asked],
        }
        return [asked[number] for number in await self._reader.query(_asking(values))]


def _asking(values: dict[str, Any]) -> Callable[[Cursor[DictRow]], list[int]]:
    return lambda sql: [row["number"] for row in sql.execute(NEWS, values).fetchall()]


class Follower:
    def __init__(
        self,
        others: Followers,
        call_id: CallId,
        account_id: AccountId | None,
        check: Callable[[], Awaitable[None]],
        found: Trace,
    ) -> None:
        self.call_id = call_id
        self.account_id = account_id
        self.news = asyncio.Event()
        self.position = 0
        self.message = -1
        """Up to which fact and which message he has read."""
        self._others = others
        self._check = check
        self._found = found
        self._told: dict[tuple[Any, ...], int] = {}
        self._last_ts: int | None = None
        self._note()

    async def lines(self) -> AsyncGenerator[Line, None]:
        """What there is and what comes, until the call is over and quiet, the follower may listen
        no more, or the service stops."""
        clock = asyncio.get_running_loop().time
        with self._others.joined(self):
            spoke_at = heard_at = checked_at = clock()
            while True:
                for line in self._new():
                    spoke_at = heard_at = clock()
                    yield line
                if reason := self._is_done(clock() - heard_at):
                    yield {"end": reason}
                    return
                due = min(spoke_at, checked_at) + self._others.beat - clock()
                if await self._waited(QUIET if self._found.is_over else due):
                    try:
                        self._found = await self._others.read(self.call_id, self.account_id)
                    except (Refusal, StoreDown):
                        yield {"end": "unavailable"}
                        return
                    self._note()
                if clock() - checked_at >= self._others.beat:
                    if not await self._may_listen():
                        yield {"end": "refused"}
                        return
                    checked_at = clock()
                if clock() - spoke_at >= self._others.beat:
                    spoke_at = clock()
                    yield {"heartbeat": 1}

    def _is_done(self, silent: float) -> str | None:
        if self._others.is_closing:
            return "restart"
        return "over" if self._found.is_over and silent >= QUIET else None

    async def _waited(self, most: float) -> bool:
        """Whether there is something new, or enough time has passed to look once more."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.news.wait(), most)
        came = self.news.is_set()
        self.news.clear()
        return came or self._found.is_over

    async def _may_listen(self) -> bool:
        try:
            await self._check()
        except (Refusal, StoreDown):
            return False
        return True

    def _note(self) -> None:
        self.position = max(one.position for one in self._found.facts)
        numbers = [s["detail"]["number"] for s in self._found.steps if s["event"] == _MESSAGE]
        # of a call with more messages than are shown, no more are waited for
        is_full = len(numbers) >= signalling.MAX_MESSAGES
        self.message = 2**62 if is_full else max(numbers, default=-1)

    def _new(self) -> Iterator[Line]:
        """Steps that were not told yet. `seq` is the order in which they are told; what came too
        late to stand there says `after` which one it belongs."""
        before = 0
        for key, step in _named(self._found.steps):
            if key in self._told:
                before = self._told[key]
                continue
            seq = len(self._told) + 1
            since = 0 if self._last_ts is None else step["ts"] - self._last_ts
            late = {} if before == seq - 1 else {"after": before}
            self._told[key] = before = seq
            self._last_ts = step["ts"]
            yield {**step, "seq": seq, "dtMs": since, **late}


_MESSAGE = signalling.EVENT


def _named(steps: list[Line]) -> Iterator[tuple[tuple[Any, ...], Line]]:
    """Each with what tells it from all others, whatever comes between them later."""
    counted: dict[tuple[Any, ...], int] = {}
    for step in steps:
        detail = step["detail"]
        if step["event"] == _MESSAGE:
            yield (_MESSAGE, detail["number"]), step
        else:
            about = (step["event_id"], step["event"], detail.get("delivery_id"))
            counted[about] = counted.get(about, 0) + 1
            yield (*about, counted[about]), step
