"""The command loop on a real store: group commit, failed commits, who may write."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
import psycopg
import pytest

from commands import loop as command_loop
from commands.loop import Loop
from commands.partitions import PARTITIONS, partition_of
from commands.world import Options, World
from domain.call import IDLE_BEFORE_ANSWER
from domain.routing import Platform
from events.base import Millis
from gateways.store.events import PgStore
from gateways.store.keys import Keyring
from gateways.store.projector import Projector
from tests.support.facts import ACCOUNT

KEY = Keyring.of(b"k" * 32)
NUMBER = "12025550123"
FLOW = "flow_01jzqwjn803wtnhc445bvjenzc"
CAC_IDLE = 3_600_000


class Owner:
    """A command loop that owns all partitions of a store, with a clock that tests may move."""

    def __init__(self, database_url: str, name: str) -> None:
        self.store = PgStore(database_url, KEY)
        self.name = name
        self.offset = 0
        self.fenced: list[int] = []
        self.store_was_down = False
        options = Options(Platform(), "nonce secret", "sip:flow@127.0.0.1", CAC_IDLE)
        self.loop = Loop(
            self.store,
            World(options, 100, 100),
            self.clock,
            on_fenced=lambda partitions: self.fenced.extend(partitions),
            on_store_down=self._down,
        )

    def clock(self) -> Millis:
        return Millis(int(time.time() * 1000) + self.offset)

    def _down(self) -> None:
        self.store_was_down = True

    def claim(self) -> None:
        epochs = self.store.claim(range(PARTITIONS), self.name)
        self.loop.position = self.store.last_position()
        for partition, epoch in epochs.items():
            due = [d for d in self.store.deadlines() if partition_of(d.account_id) == partition]
            self.loop.own(partition, epoch, due)

    async def ask(self, name: str, **members: Any) -> Any:
        """Send a command and wait for its reply."""
        got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def reply(body: bytes) -> None:
            got.set_result(body)

        payload = orjson.dumps({"accountId": ACCOUNT, **members})
        await self.loop.submit(name, payload, reply)
        return orjson.loads(await asyncio.wait_for(got, 10))

    async def route(self, call_id: str, **members: Any) -> Any:
        body = {"callId": call_id, "from": "+14155551234", "to": NUMBER, **members}
        return await self.ask("call.RouteCall", **body)

    async def report(self, call_id: str, event: str, **members: Any) -> Any:
        body = {"callId": call_id, "event": event, "ts": self.clock(), **members}
        return await self.ask("call.ReportDialog", **body)

    async def make(self, kind: str, id: str, **members: Any) -> Any:
        body = {"kind": kind, "id": id, "by": "test", "members": members}
        return await self.ask("resources.CreateRow", **body)

    async def make_account(self, **members: Any) -> None:
        await self.make("account", ACCOUNT, name="Acme", **members)
        bye = {"id": "a", "type": "hangup", "data": {"kind": "hangup"}}
        flow = {"name": "Main", "start": "a", "nodes": [bye], "edges": [], "is_published": 1}
        await self.make("call_flow", FLOW, **flow)
        did = {"e164": NUMBER, "dest_kind": "flow", "dest_id": FLOW}
        await self.make("did", "did_01j3sarpfcz8gdnnabykstr6fw", **did)


@asynccontextmanager
async def owner(database_url: str, name: str = "one", claim: bool = True) -> AsyncIterator[Owner]:
    """A running owner."""
    made = Owner(database_url, name)
    if claim:
        made.claim()
    running = asyncio.create_task(made.loop.run())
    try:
        yield made
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        made.store.close()


def facts(database_url: str, stream: str = "%") -> list[str]:
    """Stored names, in order."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT topic FROM events.stored_events WHERE originator_id LIKE %s"
            " ORDER BY notification_id",
            (stream,),
        ).fetchall()
    return [row[0] for row in rows]


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


def test_a_reply_comes_after_its_facts_are_durable(url: str) -> None:
    async def story() -> None:
        async with owner(url) as one:
            await one.make_account()
            reply = await one.route("c1")
            assert reply["ok"]["rtjson"]["action"] == "flow"
            assert facts(url, "call-c1") == ["call.routed.v1"]
            assert reply["position"] == one.store.last_position()

    asyncio.run(story())


def test_many_commands_share_a_commit_and_each_gets_its_reply(url: str) -> None:
    async def story() -> None:
        async with owner(url) as one:
            await one.make_account()
            replies = await asyncio.gather(*(one.route(f"c{n}") for n in range(50)))
            assert {reply["ok"]["callId"] for reply in replies} == {f"c{n}" for n in range(50)}
            assert len({reply["position"] for reply in replies}) < 10, "commits were not shared"

    asyncio.run(story())


def test_the_same_command_id_gets_the_first_reply_and_no_new_fact(url: str) -> None:
    async def story() -> None:
        async with owner(url) as one:
            await one.make_account()
            wish = {"command_id": "w1", "kind": "sip_user", "id": "us_" + "0" * 26, "by": "test"}
            first = await one.ask("resources.CreateRow", **wish, members={"username": "1001"})
            count = len(facts(url))
            again = await one.ask("resources.CreateRow", **wish, members={"username": "1001"})
            assert again["ok"] == first["ok"]
            assert len(facts(url)) == count
        async with owner(url, "two") as two:  # and from the next owner
            again = await two.ask("resources.CreateRow", **wish, members={"username": "1001"})
            assert again["ok"] == first["ok"]
            assert len(facts(url)) == count

    asyncio.run(story())


def test_a_retry_of_a_route_at_the_next_owner_gets_the_first_answer(url: str) -> None:
    """The worker died after the commit and before the reply."""

    async def story() -> None:
        async with owner(url) as one:
            await one.make_account()
            first = await one.route("c1")
        count = len(facts(url))
        async with owner(url, "two") as two:
            again = await two.route("c1")
            assert again["ok"] == first["ok"]
            assert len(facts(url)) == count
            usage = await two.ask("capacity.ResetCapacity", force=True)
            assert usage["ok"]["released"] == 1, "the call was admitted once"

    asyncio.run(story())


def test_a_conflict_in_a_batch_harms_none_of_its_commands(url: str) -> None:
    """All are decided again, each by itself and on what is stored."""

    async def story() -> None:
        async with owner(url) as one:
            await one.make_account()
            await one.route("c0")
            _write_behind_its_back(url, "c3")
            replies = await asyncio.gather(*(one.route(f"c{n}") for n in range(1, 6)))
            assert [reply["ok"]["rtjson"]["action"] for reply in replies] == ["flow"] * 5
            for n in range(1, 6):
                assert facts(url, f"call-c{n}") == ["call.routed.v1"]

    asyncio.run(story())


def _write_behind_its_back(url: str, call_id: str) -> None:
    """Somebody else has routed the call, the same way as c0."""
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(
            "INSERT INTO events.stored_events (originator_id, originator_version, topic, state)"
            " SELECT %s, 1, topic,"
            "        convert_to(replace(convert_from(state, 'UTF8'), '\"c0\"', %s), 'UTF8')"
            "   FROM events.stored_events WHERE originator_id = 'call-c0'",
            (f"call-{call_id}", f'"{call_id}"'),
        )


def test_what_was_decided_before_a_failed_commit_is_forgotten(url: str) -> None:
    """The session is killed exactly between decision and commit."""

    async def story() -> None:
        async with owner(url) as one:
            await one.make_account(max_in=1)
            with psycopg.connect(url, autocommit=True) as other:
                other.execute("SELECT pg_advisory_lock(7221, 1)")
                asking = asyncio.create_task(one.route("c1"))
                await _until_it_waits(other)
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks"
                    " WHERE locktype = 'advisory' AND classid = 7221 AND NOT granted"
                )
                reply = await asking
            assert reply["error"]["kind"] == "Unavailable"
            assert one.store_was_down
            one.claim()
            # only one channel: had the lost admission been kept, this would be refused
            again = await one.route("c2")
            assert again["ok"]["rtjson"]["action"] == "flow"
            full = await one.route("c3")
            assert full["ok"]["rtjson"]["code"] == 503

    asyncio.run(story())


async def _until_it_waits(connection: psycopg.Connection[Any]) -> None:
    for _ in range(200):
        row = connection.execute(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = 7221 AND NOT granted"
        ).fetchone()
        if row:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits for the append lock")


def test_a_commit_whose_outcome_is_unknown_is_found_out_by_the_retry(url: str) -> None:
    """The server dies after the commit, the reply is lost; the retry finds what was stored."""

    async def story() -> None:
        async with owner(url) as one:
            await one.make_account()
            await one.route("c1")
            one.loop._world.clear()  # as after a lost connection
            again = await one.route("c1")
            assert again["ok"]["rtjson"]["action"] == "flow"
            assert facts(url, "call-c1") == ["call.routed.v1"]

    asyncio.run(story())


def test_an_owner_that_was_replaced_writes_nothing_and_lets_go(url: str) -> None:
    async def story() -> None:
        async with owner(url, "old") as old:
            await old.make_account()
            await old.route("c1")
            async with owner(url, "new") as new:
                late = await old.route("c2")
                assert late["error"]["kind"] == "Unavailable"
                assert old.store_was_down or old.fenced
                answer = await new.route("c2")
                assert answer["ok"]["rtjson"]["action"] == "flow"
                assert facts(url, "call-c2") == ["call.routed.v1"]

    asyncio.run(story())


def test_an_owner_with_a_stale_epoch_is_fenced_off_and_forgets_the_partition(url: str) -> None:
    async def story() -> None:
        async with owner(url) as one:
            await one.make_account()
            with psycopg.connect(url, autocommit=True) as other:
                other.execute("UPDATE events.partitions SET epoch = epoch + 1")
            reply = await one.route("c1")
            assert reply["error"]["kind"] == "Unavailable"
            assert one.fenced == [partition_of(ACCOUNT)]
            assert partition_of(ACCOUNT) not in one.loop.owned
            assert facts(url, "call-c1") == []

    asyncio.run(story())


def test_a_stream_that_somebody_else_wrote_is_read_again(url: str) -> None:
    """(stream, version) is the last guard: the decision is made again on what is stored."""

    async def story() -> None:
        async with owner(url) as one:
            await one.make_account()
            await one.route("c0")
            _write_behind_its_back(url, "c2")
            answer = await one.route("c2")
            assert answer["ok"]["rtjson"]["action"] == "flow"
            assert facts(url, "call-c2") == ["call.routed.v1"]

    asyncio.run(story())


def test_commands_beyond_the_queue_are_refused_at_once(url: str) -> None:
    async def story() -> None:
        async with owner(url) as one:
            await one.make_account()
            with psycopg.connect(url, autocommit=True) as other:
                other.execute("SELECT pg_advisory_lock(7221, 1)")
                asking = [asyncio.create_task(one.route("c0"))]
                await _until_it_waits(other)
                asking += [
                    asyncio.create_task(one.route(f"c{n}"))
                    for n in range(1, command_loop.MAX_QUEUE + 10)
                ]
                await asyncio.sleep(0.5)
                refused = [task for task in asking if task.done()]
                assert 1 <= len(refused) <= 10
                assert refused[0].result()["error"]["kind"] == "Unavailable"
                other.execute("SELECT pg_advisory_unlock_all()")
            replies = await asyncio.gather(*asking)
            assert sum("ok" in reply for reply in replies) == len(asking) - len(refused)

    asyncio.run(story())


def test_unknown_and_malformed_commands_are_refused_by_name(url: str) -> None:
    async def story() -> None:
        async with owner(url) as one:
            unknown = await one.ask("call.TeleportCall")
            assert "no command" in unknown["error"]["detail"]
            bad = await one.ask("call.RouteCall", callId="c 1", to="1")
            assert sorted(fault[0] for fault in bad["error"]["faults"]) == ["/callId", "/from"]

    asyncio.run(story())


def test_a_call_of_which_nothing_is_heard_is_given_up_in_time(url: str) -> None:
    async def story() -> None:
        async with owner(url) as one:
            await one.make_account(max_in=1)
            await one.route("c1")
            one.offset = IDLE_BEFORE_ANSWER + 1_000
            one.loop._arrived.set()  # the clock jumped: look again
            await _until(lambda: "call.ended.v1" in facts(url, "call-c1"))
            assert facts(url, "capacity-%") == ["capacity.taken.v1", "capacity.released.v1"]
            free = await one.route("c2")
            assert free["ok"]["rtjson"]["action"] == "flow"

    asyncio.run(story())


def test_an_answered_call_may_be_silent_for_hours(url: str) -> None:
    async def story() -> None:
        async with owner(url) as one:
            await one.make_account()
            await one.route("c1")
            await one.report("c1", "answered")
            one.offset = 3_000_000
            one.loop._arrived.set()
            await asyncio.sleep(0.2)
            assert facts(url, "call-c1") == ["call.routed.v1", "call.answered.v1"]
            one.offset = CAC_IDLE + 5_000
            one.loop._arrived.set()
            await _until(lambda: facts(url, "call-c1")[-1] == "call.ended.v1")

    asyncio.run(story())


@pytest.mark.parametrize("projected", [True, False])
def test_deadlines_survive_a_take_over(url: str, projected: bool) -> None:
    """Whether the read models have seen the call or not."""

    async def story() -> None:
        async with owner(url) as one:
            await one.make_account()
            await one.route("c1")
        if projected:
            projector = Projector(url)
            projector.catch_up()
            projector.close()
        async with owner(url, "two", claim=False) as two:
            two.offset = IDLE_BEFORE_ANSWER + 1_000
            two.claim()
            await _until(lambda: facts(url, "call-c1")[-1] == "call.ended.v1", 2.0)

    asyncio.run(story())


async def _until(check: Any, timeout: float = 5.0) -> None:
    deadline = time.monotonic() + timeout
    while not check():
        assert time.monotonic() < deadline, f"not within {timeout} s"
        await asyncio.sleep(0.02)


def test_a_name_belongs_to_whoever_claimed_it_first(url: str) -> None:
    """Two accounts, possibly with two owners: the store is the judge."""

    async def story() -> None:
        other = "acc_01jf18ah3jeb5w6dfp27sgjsbu"
        async with owner(url) as one:
            await one.make_account()
            await one.ask(
                "resources.CreateRow",
                accountId=other,
                kind="account",
                id=other,
                by="test",
                members={"name": "Other"},
            )
            one.loop._world.clear()  # the claim is not in memory
            wish = {"accountId": other, "kind": "did", "id": "did_" + "0" * 26, "by": "test"}
            taken = await one.ask("resources.CreateRow", **wish, members={"e164": NUMBER})
            assert taken["error"]["kind"] == "Conflict"
            await one.ask(
                "resources.DeleteRow",
                kind="did",
                id="did_01j3sarpfcz8gdnnabykstr6fw",
                by="test",
            )
            now = await one.ask("resources.CreateRow", **wish, members={"e164": NUMBER})
            assert now["ok"]["ok"] == 1

    asyncio.run(story())


def test_a_long_stream_is_loaded_from_a_snapshot(url: str) -> None:
    async def story() -> None:
        async with owner(url) as one:
            await one.make_account()
            for batch in range(6):
                names = [f"c{batch}-{n}" for n in range(100)]
                await asyncio.gather(*(one.route(name) for name in names))
                await asyncio.gather(*(one.report(name, "end") for name in names[:90]))
        with psycopg.connect(url) as connection:
            (version,) = connection.execute(
                "SELECT max(originator_version) FROM events.snapshots"
            ).fetchone() or (0,)
        assert version >= 1_000
        async with owner(url, "two") as two:
            usage = await two.ask("capacity.ResetCapacity", force=True)
            assert usage["ok"]["released"] == 60

    asyncio.run(story())
