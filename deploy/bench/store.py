"""`append`: facts of many streams through group commit, against COPY of the same rows."""

import secrets
import time
from itertools import count

import psycopg

from commands.partitions import partition_of
from commands.store import Append, Numbered
from deploy.bench.report import Report, median, spread
from deploy.bench.rig import interleaved, running_system
from events.base import AccountId, CallId, Millis
from events.call import CallRouted, Direction, RunFlow, Step
from gateways.ids import new_id
from gateways.store.codec import FactMapper
from gateways.store.events import PgStore
from gateways.store.keys import Keyring

BATCHES = (50, 200)


async def append(runs: int, seconds: float) -> Report:
    """Whole facts: serialised, fenced, appended, notified; durable (fsync)."""
    account_id = AccountId(new_id("acc"))
    partition = partition_of(account_id)
    run, numbers = secrets.token_hex(4), count()

    def facts(size: int) -> list[Numbered]:
        made = [routed(account_id, f"{run}-{next(numbers)}@bench") for _ in range(size)]
        return [Numbered(fact.stream, 1, fact) for fact in made]

    async with running_system() as rig:
        store = PgStore(rig.servers.database_url, Keyring.of(b"k" * 32))
        epochs = store.claim([partition], "bench")

        async def ours(size: int) -> float:
            batches = [facts(size) for _ in range(int(seconds * 20_000) // size)]
            done, began = 0, time.perf_counter()
            for batch in batches:
                store.append(Append(batch, (), epochs))
                done += size
                if time.perf_counter() - began > seconds:
                    break
            return done / (time.perf_counter() - began)

        async def limit_of() -> float:
            return copied(rig.servers.database_url, facts(200), seconds)

        small, large, limit = await interleaved(
            runs, lambda: ours(BATCHES[0]), lambda: ours(BATCHES[1]), limit_of
        )
        store.close()
    return Report(
        bench="append",
        unit="facts/s",
        ours=median(large),
        limit=median(limit),
        p50_ms=None,
        p99_ms=None,
        runs=runs,
        spread=spread(large),
        detail={
            "in batches of 200": median(large),
            "in batches of 50": median(small),
            "limit: COPY in batches of 200": median(limit),
        },
    )


def copied(url: str, sample: list[Numbered], seconds: float) -> float:
    """COPY of rows that are serialised already, into a table of the same shape."""
    mapper = FactMapper()
    events = [mapper.to_stored_event(fact) for fact in sample]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bench_copy")
        connection.execute("CREATE TABLE bench_copy (LIKE events.stored_events INCLUDING ALL)")
        done, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            columns = "(originator_id, originator_version, topic, state)"
            with connection.cursor().copy(f"COPY bench_copy {columns} FROM STDIN") as copy:
                for event in events:
                    done += 1
                    copy.write_row((f"call-{done}", 1, event.topic, event.state))
        rate = done / (time.perf_counter() - began)
        connection.execute("DROP TABLE bench_copy")
    return rate


def routed(account_id: AccountId, call_id: str) -> CallRouted:
    return CallRouted(
        account_id=account_id,
        at=Millis(1_795_000_000_000),
        call_id=CallId(call_id),
        hop=1,
        request="0123456789abcdef",
        direction=Direction.INBOUND,
        from_number="14155551234",
        to_number="12025550123",
        directive=RunFlow(flow_id="flow_1", flow_version=1, vars={"caller_cid": "14155551234"}),
        path=(Step("identify", "unknown"), Step("classify", "inbound", "did_1")),
    )
