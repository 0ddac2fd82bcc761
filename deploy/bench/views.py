"""`project` and `rebuild`: facts folded into all read models, as they come and once again.

Calls as a flow makes them, six facts each, in a database of their own that nothing else folds.
"""

import asyncio
import resource
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice

import psycopg
from psycopg.conninfo import make_conninfo

from commands.partitions import partition_of
from commands.store import Append, Numbered
from deploy.bench.report import Report, median, spread
from deploy.bench.rig import interleaved, running_system
from deploy.bench.store import copied, routed
from domain import call, capacity
from domain.call import CallSession
from domain.call import Report as Reported
from domain.capacity import Capacity
from events.base import AccountId, CallId, Fact, Millis
from events.call import DialogEvent, Direction
from events.capacity import Dimension, Hold, ReleaseReason
from gateways.ids import new_id
from gateways.store.events import PgStore
from gateways.store.keys import Keyring
from gateways.store.migrate import migrate
from gateways.store.projector import Projector
from gateways.store.rebuild import rebuild as rebuilt
from projections.catalogue import CATALOGUE

BATCH = 600
SIZES = (100_000, 1_000_000)
"""Facts of a rebuild: ten times as many must take ten times as long."""


async def project(runs: int, seconds: float) -> Report:
    async with _database() as url:
        facts, store = _Facts(), PgStore(url, Keyring.of(b"k" * 32))
        epochs = store.claim([facts.partition], "bench")
        projector = Projector(url)
        projector.catch_up()

        async def ours() -> float:
            size = int(seconds * 6_000)
            await asyncio.to_thread(facts.append, store, epochs, size)
            began = time.perf_counter()
            folded = await asyncio.to_thread(projector.catch_up)
            return folded / (time.perf_counter() - began)

        async def limit() -> float:
            sample = list(islice(facts.numbered(), 200))
            return await asyncio.to_thread(copied, url, sample, seconds)

        folded, copies = await interleaved(runs, ours, limit)
        projector.close()
        store.close()
    return Report(
        bench="project",
        unit="facts/s",
        ours=median(folded),
        limit=median(copies),
        p50_ms=None,
        p99_ms=None,
        runs=runs,
        spread=spread(folded),
        detail={"read models": len(CATALOGUE), "limit: COPY in batches of 200": median(copies)},
    )


async def rebuild(runs: int, seconds: float) -> Report:
    """One run of each size, whatever `runs` and `seconds` say."""
    detail: dict[str, float] = {}
    rates = []
    async with _database() as url:
        facts, store = _Facts(), PgStore(url, Keyring.of(b"k" * 32))
        epochs = store.claim([facts.partition], "bench")
        projector, stored = Projector(url), 0
        for size in SIZES:
            await asyncio.to_thread(facts.append, store, epochs, size - stored)
            stored = size
            await asyncio.to_thread(projector.catch_up)
            before, began = _megabytes(), time.perf_counter()
            done = await asyncio.to_thread(rebuilt, url, CATALOGUE)
            took = time.perf_counter() - began
            rates.append(size / took)
            detail |= {f"{size} facts: seconds": round(took, 1)}
            detail |= {f"{size} facts: MB more": round(_megabytes() - before, 1)}
            detail |= {f"{size} facts: the same": sum(one.same is True for one in done)}
        projector.close()
        store.close()
    return Report(
        bench="rebuild",
        unit="facts/s",
        ours=round(rates[-1], 2),
        limit=round(rates[0], 2),
        p50_ms=None,
        p99_ms=None,
        runs=1,
        spread=0.0,
        detail={**detail, "limit: the rate at the smaller size": round(rates[0], 2)},
    )


@asynccontextmanager
async def _database() -> AsyncIterator[str]:
    """An empty, migrated database beside that of a running system."""
    name = f"bench_{secrets.token_hex(4)}"
    async with running_system() as rig:
        server = rig.servers.database_url
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        url = make_conninfo(server, dbname=name)
        await asyncio.to_thread(migrate, url)
        yield url


class _Facts:
    """Calls of one account, one after the other."""

    def __init__(self) -> None:
        self.account_id = AccountId(new_id("acc"))
        self.partition = partition_of(self.account_id)
        self._versions: dict[str, int] = {}
        self._life = self._calls()

    def append(self, store: PgStore, epochs: dict[int, int], size: int) -> None:
        """At least `size` facts."""
        done = 0
        while done < size:
            batch = list(islice(self.numbered(), BATCH))
            store.append(Append(batch, (), epochs))
            done += len(batch)

    def numbered(self) -> Iterator[Numbered]:
        for fact in self._life:
            version = self._versions[fact.stream] = self._versions.get(fact.stream, 0) + 1
            yield Numbered(fact.stream, version, fact)

    def _calls(self) -> Iterator[Fact]:
        channels, now, number = Capacity(), 1_795_000_000_000, 0
        run = secrets.token_hex(4)
        while True:
            number, now = number + 1, now + 10
            call_id = CallId(f"{run}-{number}@bench")
            about = (channels, self.account_id, call_id)
            session = CallSession(call_id)
            first = routed(self.account_id, call_id).model_copy(update={"at": Millis(now)})
            holds = [Hold(Dimension.ACCOUNT_IN, self.account_id)]
            taken = capacity.take(
                *about, Direction.INBOUND, "14155551234", "12025550123", holds, Millis(now)
            )
            yield from self._evolved(session, channels, [*call.route(session, first), *taken])
            for event, later in ((DialogEvent.START, 1), (DialogEvent.ANSWERED, 4_000)):
                report = Reported(event, Millis(now + later))
                facts = call.report_dialog(session, self.account_id, report, Millis(now + later))
                yield from self._evolved(session, channels, facts)
            end = Millis(now + 60_000)
            over = call.report_dialog(session, self.account_id, Reported(DialogEvent.END, end), end)
            freed = capacity.release(*about, ReleaseReason.ENDED, end)
            yield from self._evolved(session, channels, [*over, *freed])
            self._versions.pop(f"call-{call_id}", None)

    @staticmethod
    def _evolved(session: CallSession, channels: Capacity, facts: Sequence[Fact]) -> Iterator[Fact]:
        for fact in facts:
            if fact.stream.startswith("call-"):
                call.evolve(session, fact)  # type: ignore[arg-type]
            else:
                capacity.evolve(channels, fact)  # type: ignore[arg-type]
            yield fact


def _megabytes() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
