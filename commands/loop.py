"""The only load–decide–append loop: group commit for all partitions of one worker.

All commands that arrived meanwhile are decided in order on the states in memory, their facts
appended in one transaction, and only then are the replies given. Guarantees:

- A reply to a command that changed something is given after its facts are durable.
- A batch that cannot be appended is undone in memory and its commands are decided again one by one,
  on states loaded afresh, so a bad command harms nobody but itself.
- A worker that lost a partition writes nothing more to it: the append is refused (`Fenced`).
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from commands.acd import MeetDeadlines
from commands.call import GiveUpIdleCall
from commands.catalogue import CATALOGUE, DEADLINES
from commands.held import Held, Poll
from commands.message import Command, Handler, Outcome
from commands.observer import Batch, Course, Observer
from commands.partitions import partition_of
from commands.presence import ExpireContacts
from commands.store import (
    Append,
    BadFact,
    Deadline,
    Fenced,
    Numbered,
    Recorded,
    Store,
    StoreDown,
    VersionConflict,
)
from commands.timers import Timers
from commands.world import Bounded, Missing, World
from domain.errors import Conflict, Invalid, Refusal, Unavailable
from domain.rules import faults_of
from events.base import Fact, Millis, StreamName

log = logging.getLogger("callplane.loop")

LINGER = 0.001
"""Seconds to wait for more company once batches are larger than `LINGER_ABOVE`."""
LINGER_ABOVE = 2
MAX_BATCH = 500
MAX_QUEUE = 5_000
"""Commands waiting; beyond it the answer is Unavailable at once instead of late."""
ATTEMPTS = 3
"""How often one command is decided again after a conflict before it is refused."""
REMEMBERED_REPLIES = 10_000

Reply = Callable[[bytes], Awaitable[None]]


@dataclass(slots=True)
class Pending:
    """A command that waits for its decision."""

    command: Command
    handler: Handler[Command]
    reply: Reply
    partition: int
    course: Course
    held: "Poll[Pending] | None" = None
    """While, or after, its answer was held back."""


@dataclass(slots=True)
class Decided:
    """A command with what was decided; `body` is the reply if the facts become durable."""

    pending: Pending
    outcome: Outcome | None
    facts: list[Numbered]
    body: bytes


async def no_reply(_: bytes) -> None:
    """For commands that nobody waits for."""


def problem(refusal: Refusal) -> bytes:
    """A refusal as it travels on the bus."""
    return orjson.dumps(
        {
            "error": {
                "kind": type(refusal).__name__,
                "detail": refusal.detail,
                "faults": [list(fault) for fault in refusal.faults],
            }
        }
    )


class Loop:
    def __init__(
        self,
        store: Store,
        world: World,
        clock: Callable[[], Millis],
        on_fenced: Callable[[Iterable[int]], None],
        on_store_down: Callable[[], None],
        observer: Observer | None = None,
    ) -> None:
        self._store = store
        self._world = world
        self._clock = clock
        self._on_fenced = on_fenced
        self._on_store_down = on_store_down
        self._observer = observer or Observer()
        self._queue: list[Pending] = []
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._timers = Timers()
        self._held: Held[Pending] = Held()
        self._letting_go: set[asyncio.Task[None]] = set()
        self._replies: Bounded[str, bytes] = Bounded(REMEMBERED_REPLIES)
        self._epochs: dict[int, int] = {}
        self._claimed_sec: dict[int, int] = {}
        self.position = 0
        """Of the last fact that this worker has appended."""

    # Ownership

    def own(self, partition: int, epoch: int, deadlines: Iterable[Deadline]) -> None:
        """Begin to decide for `partition`; `deadlines` are those of what is open in it."""
        self._epochs[partition] = epoch
        self._claimed_sec[partition] = self._clock() // 1000
        self._timers.add(deadlines)
        self._arrived.set()

    def disown(self, partitions: Iterable[int]) -> None:
        """Stop to decide for `partitions`, and forget what was known of all accounts."""
        for partition in partitions:
            self._epochs.pop(partition, None)
        self._world.clear()
        self._replies.clear()
        gone = Unavailable("the account has moved to another worker")
        for poll in self._held.clear():
            task = asyncio.create_task(self._refuse([poll.pending], gone))
            self._letting_go.add(task)
            task.add_done_callback(self._letting_go.discard)

    @property
    def owned(self) -> list[int]:
        return list(self._epochs)

    # Commands

    async def submit(self, name: str, payload: bytes, reply: Reply, origin: object = None) -> None:
        """Take in a command as it came from the bus. Every command gets exactly one reply.
        `origin`: see `Course`."""
        entry = CATALOGUE.get(name)
        if entry is None:
            await reply(problem(Invalid(f"no command {name}")))
            return
        message, handler = entry
        try:
            command = message.model_validate_json(payload)
        except ValidationError as error:
            await reply(problem(Invalid(f"{name} is not valid", faults_of(error))))
            return
        await self._enqueue(command, handler, reply, origin)

    async def _enqueue(
        self,
        command: Command,
        handler: Handler[Command],
        reply: Reply,
        origin: object = None,
    ) -> None:
        partition = partition_of(command.account_id)
        course = Course(command, time.perf_counter(), origin)
        pending = Pending(command, handler, reply, partition, course)
        if partition not in self._epochs:
            await self._refuse([pending], Unavailable("this worker does not own the account"))
        elif len(self._queue) >= MAX_QUEUE:
            await self._refuse([pending], Unavailable("the worker is overloaded"))
        else:
            self._queue.append(pending)
            self._arrived.set()

    async def run(self) -> None:
        """Decide until cancelled."""
        last_size = 0
        while True:
            await self._wait()
            if last_size > LINGER_ABOVE and len(self._queue) < MAX_BATCH:
                await asyncio.sleep(LINGER)
            await self._take_due()
            batch, self._queue = self._queue[:MAX_BATCH], self._queue[MAX_BATCH:]
            last_size = len(batch)
            if batch:
                started = time.perf_counter()
                await self._process(batch)
                took = time.perf_counter() - started
                self._observer.batch(Batch(len(batch), took, self.position))
                self._world.trim()
                self._replies.trim()

    async def drained(self) -> None:
        """Wait until everything that was taken in has its reply."""
        while self._queue or not self._idle.is_set():
            await asyncio.sleep(0.005)

    async def _wait(self) -> None:
        if self._queue:
            return
        self._arrived.clear()
        self._idle.set()
        dues = (self._timers.next_due(), self._held.next_due())
        due = min((due for due in dues if due is not None), default=None)
        timeout = None if due is None else max(0.0, (due - self._clock()) / 1000)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), timeout)
        self._idle.clear()

    async def _take_due(self) -> None:
        for poll in self._held.due(self._clock()):
            await poll.pending.reply(_wrapped(poll.body, self.position))
        for due in self._timers.due(self._clock()):
            if due.item is not None:
                command: Command = MeetDeadlines(account_id=due.account_id, item=due.item)
            elif due.call_id is None:
                command = ExpireContacts(account_id=due.account_id)
            elif self._world.is_over(due.account_id, due.call_id):
                continue
            else:
                command = GiveUpIdleCall(account_id=due.account_id, call_id=due.call_id)
            await self._enqueue(command, DEADLINES[type(command)], no_reply)

    # A batch

    async def _process(self, batch: list[Pending], attempts: int = ATTEMPTS) -> None:
        await self._load_accounts(batch)
        decided, batch = await self._decide_all(batch)
        facts = [numbered for one in decided for numbered in one.facts]
        append_began_at = time.perf_counter()
        if facts:
            try:
                append = self._append_of(decided)
                self.position = await asyncio.to_thread(self._store.append, append)
            except (VersionConflict, BadFact) as conflict:
                self._world.forget(facts)
                self._take_back(batch)
                await self._again(batch, conflict, attempts - 1)
                return
            except Fenced as fenced:
                self._take_back(batch)
                self.disown(fenced.partitions)
                self._on_fenced(fenced.partitions)
                await self._refuse(batch, Unavailable("the account has moved to another worker"))
                return
            except StoreDown:
                self._take_back(batch)
                self._world.clear()
                self._on_store_down()
                await self._refuse(batch, Unavailable("the event store does not answer"))
                return
        await self._give(decided, append_began_at)
        if facts:
            self._observer.appended(Counter(type(numbered.fact) for numbered in facts))
            await self._save_snapshots(decided)

    async def _decide_all(self, batch: list[Pending]) -> tuple[list[Decided], list[Pending]]:
        """In order; then the polls that this has woken. Also all commands that it was about."""
        decided: list[Decided] = []
        ahead, taken = list(batch), list[Pending]()
        while ahead:
            pending = ahead.pop(0)
            taken.append(pending)
            pending.course.began_at = time.perf_counter()
            one = await self._decide(pending)
            pending.course.decided_at = time.perf_counter()
            pending.course.facts = len(one.facts)
            if one.outcome is None or (hold := one.outcome.hold) is None:
                decided.append(one)
                woken = self._held.woken_by(numbered.fact for numbered in one.facts)
                ahead += [poll.pending for poll in woken]
                continue
            until = min(hold.until, pending.held.until) if pending.held else hold.until
            key = (pending.command.account_id, hold.call_id)
            pending.held = Poll(key, until, pending, one.body)
            pending.course.was_held = True
            self._held.put(pending.held)
        return decided, taken

    def _take_back(self, batch: Iterable[Pending]) -> None:
        """Whatever these were told, or wait for, has not become true."""
        for pending in batch:
            if pending.held is not None:
                self._held.drop(pending.held)

    async def _again(self, batch: list[Pending], reason: Exception, attempts: int) -> None:
        """Nothing of the batch was written: decide its commands again, each by itself."""
        if len(batch) > 1:
            for pending in batch:
                await self._process([pending])
            return
        (pending,) = batch
        if (known := await self._recorded(pending.command.command_id)) is not None:
            await pending.reply(_wrapped(known, self.position))
        elif isinstance(reason, BadFact):
            await self._refuse(batch, Invalid(f"cannot be stored: {reason}"))
        elif attempts > 0:
            await self._process(batch, attempts)
        else:
            await self._refuse(batch, Conflict("something else changes the same at the same time"))

    async def _recorded(self, command_id: str | None) -> bytes | None:
        """The reply that was given under this id before (by another owner, perhaps)."""
        if command_id is None:
            return None
        try:
            return await asyncio.to_thread(self._store.reply_to, command_id)
        except StoreDown:
            return None

    async def _decide(self, pending: Pending) -> Decided:
        """Run the handler, loading what it misses, and apply its facts in memory."""
        command, world = pending.command, self._world
        if command.command_id and (known := self._replies.used(command.command_id)):
            return Decided(pending, None, [], known)
        decided: Sequence[Fact] = ()
        try:
            while True:
                world.now = self._clock()
                try:
                    outcome = pending.handler(command, world)
                    break
                except Missing as missing:
                    await self._load(missing, command)
            if not outcome.facts and (known := await self._recorded(command.command_id)):
                return Decided(pending, None, [], _wrapped(known, self.position))
            decided = outcome.facts
            facts = world.apply(decided)
            return Decided(pending, outcome, facts, orjson.dumps(outcome.reply))
        except Refusal as refusal:
            # what is refused now may be what was done when the command came first
            known = await self._recorded(command.command_id)
            body = problem(refusal) if known is None else _wrapped(known, self.position)
            pending.course.outcome = _outcome_of(refusal) if known is None else "ok"
            return Decided(pending, None, [], body)
        except StoreDown:
            pending.course.outcome = "unavailable"
            return Decided(pending, None, [], problem(Unavailable("the event store is away")))
        except Exception:
            pending.course.outcome = "failed"
            log.exception("command failed: %s", type(command).__name__, extra=_about(command))
            # a state may have been left half evolved
            world.forget(Numbered(fact.stream, 0, fact) for fact in decided)
            return Decided(pending, None, [], orjson.dumps({"error": {"kind": "Internal"}}))

    def _append_of(self, decided: list[Decided]) -> Append:
        writers = [one for one in decided if one.facts]
        origins: list[object] = []
        if any(one.pending.course.origin is not None for one in writers):
            origins = [one.pending.course.origin for one in writers for _ in one.facts]
        return Append(
            facts=[numbered for one in writers for numbered in one.facts],
            recorded=[
                Recorded(one.pending.command.command_id, one.body)
                for one in writers
                if one.pending.command.command_id
            ],
            epochs={
                one.pending.partition: self._epochs.get(one.pending.partition, 0) for one in writers
            },
            origins=origins,
        )

    async def _give(self, decided: Iterable[Decided], append_began_at: float) -> None:
        for one in decided:
            if one.outcome is None:
                await one.pending.reply(one.body)
                self._observer.answered(one.pending.course, 0.0, time.perf_counter())
                continue
            body = _wrapped(one.body, self.position)
            if one.pending.command.command_id and one.facts:
                self._replies[one.pending.command.command_id] = body
            self._timers.add(one.outcome.wake)
            await one.pending.reply(body)
            began_at = append_began_at if one.facts else 0.0
            self._observer.answered(one.pending.course, began_at, time.perf_counter())

    async def _refuse(self, batch: Iterable[Pending], refusal: Refusal) -> None:
        for pending in batch:
            await pending.reply(problem(refusal))
            pending.course.outcome = _outcome_of(refusal)
            self._observer.answered(pending.course, 0.0, time.perf_counter())

    # Loading and saving

    async def _load_accounts(self, batch: list[Pending]) -> None:
        """Have all accounts of a batch in memory before its first command is decided."""
        absent = {
            pending.command.account_id
            for pending in batch
            if not self._world.has_account(pending.command.account_id)
        }
        if absent:
            loads = (self._load_account(account_id) for account_id in absent)
            await asyncio.gather(*loads, return_exceptions=True)

    async def _load(self, missing: Missing, command: Command) -> None:
        if missing.account is not None:
            await self._load_account(missing.account)
        for stream in missing.streams:
            self._world.put_stream(stream, await asyncio.to_thread(self._store.history, stream))
        if missing.credential is not None:
            found = await asyncio.to_thread(self._store.credential, missing.credential)
            self._world.put_credential(command.account_id, missing.credential, found)

    async def _load_account(self, account_id: Any) -> None:
        rows, present, channels = await asyncio.gather(
            asyncio.to_thread(self._store.directory, account_id),
            asyncio.to_thread(self._store.history, StreamName(f"presence-{account_id}")),
            asyncio.to_thread(self._store.history, StreamName(f"capacity-{account_id}")),
        )
        since = self._claimed_sec.get(partition_of(account_id), 0)
        self._world.put_account(account_id, rows, present, channels, since)

    async def _save_snapshots(self, decided: Iterable[Decided]) -> None:
        touched = {one.pending.command.account_id for one in decided if one.facts}
        for snapshot in self._world.due_snapshots(touched):
            try:
                await asyncio.to_thread(self._store.save_snapshot, snapshot)
            except StoreDown:
                log.warning("snapshot of %s was not saved", snapshot.stream)


def _wrapped(body: bytes, position: int) -> bytes:
    """The reply as it travels: `ok` is the handler's answer, `position` how far the store is."""
    return b'{"ok":' + body + b',"position":' + str(position).encode() + b"}"


def _outcome_of(refusal: Refusal) -> str:
    return "unavailable" if isinstance(refusal, Unavailable) else "refused"


def _about(command: Command) -> dict[str, str]:
    """What a line of the log about a command carries."""
    call_id = getattr(command, "call_id", None)
    return {"account_id": command.account_id, **({"call_id": call_id} if call_id else {})}
