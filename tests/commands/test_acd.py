"""The contact center on a real store: one commit, durable deadlines, one answer per command id."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import orjson
import psycopg
import pytest

from commands import snapshots
from commands.store import Deadline, History, Snapshot
from commands.timers import Timers
from commands.world import Options, World
from domain.directory import Directory
from domain.routing import Platform
from events.base import Millis, StreamName
from gateways.store.projector import Projector
from tests.commands.test_loop import CAC_IDLE, Owner, _until, facts, owner
from tests.domain.center import a_shift
from tests.support.given import ACCOUNT, OTHER_ACCOUNT, PRESENCE, given

QUEUE, ALICE = "q_01jzqwjn803wtnhc445bvjenzc", "us_01jzqwjn803wtnhc445bvjenzc"
FLOOR = f"presence-{ACCOUNT}"


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@asynccontextmanager
async def open_shop(url: str, **queue: Any) -> AsyncIterator[Owner]:
    """An owner with one agent, ready for the calls of one queue."""
    async with owner(url) as one:
        await one.make_account()
        await one.make("sip_user", ALICE, username="1001", is_agent=1)
        login = {"auth_username": "1001", "realm": "acme.example"}
        await one.make("sip_device", "dev_" + "0" * 26, user_id=ALICE, **login)
        await one.make("queue", QUEUE, name="Support", **queue)
        seen = {"username": "1001", "realm": "acme.example", "contact": "sip:1001@192.0.2.1"}
        await one.ask("presence.ReportContact", event="registered", ts=one.clock(), **seen)
        wish = {"userId": "1001", "event": "available", "queues": [QUEUE]}
        assert (await one.ask("acd.ControlAgent", **wish))["ok"]["bucket"] == "ready"
        yield one


async def join(one: Owner, call_id: str) -> Any:
    """The engine of a call asks what is next; the answer."""
    return (await one.ask("call.StartFlow", callId=call_id, flowId=f"queue:{QUEUE}"))["ok"]


async def call(one: Owner, call_id: str) -> Any:
    """A caller in the queue; what his engine is told."""
    await one.route(call_id)
    await one.report(call_id, "answered")
    return await join(one, call_id)


def project(url: str) -> None:
    projector = Projector(url)
    projector.catch_up()
    projector.close()


def acd_facts(url: str) -> list[str]:
    """Of the floor, without their area and version."""
    return [name.split(".")[1] for name in facts(url, FLOOR) if name.startswith("acd.")]


def test_the_end_of_a_call_frees_channels_and_agent_in_one_commit(url: str) -> None:
    async def story() -> None:
        async with open_shop(url) as one:
            (lease,) = (await call(one, "c1"))["legs"]
            wish = {"leaseId": lease["leaseId"], "epoch": lease["epoch"]}
            confirmed = await one.ask("acd.ConfirmLease", **wish)
            assert confirmed["ok"] == {"ok": 1, "bridge": "c1"}
            before = len(facts(url))
            await one.report("c1", "end")
            assert facts(url)[before:] == [
                "call.ended.v1",
                "capacity.released.v1",
                "acd.conversation_ended.v1",
            ]

    asyncio.run(story())


@pytest.mark.parametrize("projected", [True, False])
def test_a_reservation_expires_once_after_a_take_over(url: str, projected: bool) -> None:
    """Whether the read models have seen it or not; and then the wait ends, which was not due."""

    async def story() -> None:
        async with open_shop(url, max_no_answer=1, max_wait_sec=40) as one:
            assert (await call(one, "c1"))["command"] == "dial"
        if projected:
            project(url)
        async with owner(url, "two", claim=False) as two:
            two.offset = 21_000
            two.claim()
            await _until(lambda: acd_facts(url)[-1] == "agent_paused", 2.0)
            two.offset = 41_000
            two.loop._arrived.set()  # the clock jumped: look again
            await _until(lambda: acd_facts(url)[-1] == "caller_left", 2.0)
        assert acd_facts(url)[-4:] == [
            "agent_reserved",
            "lease_released",
            "agent_paused",
            "caller_left",
        ]

    asyncio.run(story())


def test_a_call_that_its_node_lost_frees_its_agent_too(url: str) -> None:
    async def story() -> None:
        async with open_shop(url, wrap_up_sec=30) as one:
            await one.route("c1", nodeId="n1")
            await one.report("c1", "answered")
            joined = await join(one, "c1")
            (lease,) = joined["legs"]
            wish = {"leaseId": lease["leaseId"], "epoch": lease["epoch"]}
            await one.ask("acd.ConfirmLease", **wish)
            lost = {"callId": "c1", "nodeId": "n1", "ts": one.clock() + 1_000}
            assert (await one.ask("call.EndLostCall", **lost))["ok"]["released"] == 1
            assert (await one.ask("call.EndLostCall", **lost))["ok"]["released"] == 0
        assert acd_facts(url)[-1] == "conversation_ended"

    asyncio.run(story())


def test_a_node_that_lost_its_callers_leaves_nobody_waiting(url: str) -> None:
    """One talks, one is rung for, three wait; the node comes back with none of them."""

    async def story() -> None:
        async with open_shop(url, wrap_up_sec=0) as one:
            calls = [f"c{number}" for number in range(5)]
            for call_id in calls:
                await one.route(call_id, nodeId="n1")
                await one.report(call_id, "answered")
                joined = await join(one, call_id)
                if call_id == "c0":
                    (lease,) = joined["legs"]
                    wish = {"leaseId": lease["leaseId"], "epoch": lease["epoch"]}
                    await one.ask("acd.ConfirmLease", **wish)
            ts = one.clock() + 1_000
            lost = [one.ask("call.EndLostCall", callId=c, nodeId="n1", ts=ts) for c in calls * 2]
            replies = await asyncio.gather(*lost)
            assert sum(reply["ok"]["released"] for reply in replies) == 5
            shown = await one.ask("acd.ShowAgent", userId="1001")
            assert shown["ok"]["bucket"] == "ready"
            queues = await one.ask("acd.ShowQueues")
            assert queues["ok"]["ewtSec"] == {QUEUE: 0}
        written = acd_facts(url)
        assert written.count("caller_left") + written.count("lease_confirmed") == 5
        assert written.count("conversation_ended") == 1

    asyncio.run(story())


def test_a_goodbye_that_is_lost_frees_the_agent_when_the_call_has_been_silent_too_long(
    url: str,
) -> None:
    async def story() -> None:
        async with open_shop(url, wrap_up_sec=30) as one:
            (lease,) = (await call(one, "c1"))["legs"]
            wish = {"leaseId": lease["leaseId"], "epoch": lease["epoch"]}
            await one.ask("acd.ConfirmLease", **wish)
            one.offset = CAC_IDLE + 60_000
            one.loop._arrived.set()  # the clock jumped: look again
            await _until(lambda: "conversation_ended" in acd_facts(url))
            assert facts(url, "call-c1")[-1] == "call.ended.v1"
            await one.report("c1", "end")
        assert acd_facts(url).count("conversation_ended") == 1

    asyncio.run(story())


def test_a_caller_who_cancels_while_it_rings_is_gone_in_one_commit(url: str) -> None:
    async def story() -> None:
        async with open_shop(url) as one:
            await one.route("c1")
            await one.report("c1", "early", sipCode=183)
            joined = await join(one, "c1")
            (lease,) = joined["legs"]
            before = len(facts(url))
            await one.report("c1", "end", sipCode=487)
            assert facts(url)[before:] == [
                "call.ended.v1",
                "capacity.released.v1",
                "acd.lease_released.v1",
                "acd.caller_left.v1",
            ]
            wish = {"leaseId": lease["leaseId"], "epoch": lease["epoch"]}
            late = await one.ask("acd.ConfirmLease", **wish)
            assert late["ok"] == {"ok": 0, "reason": "caller_gone"}

    asyncio.run(story())


@pytest.mark.parametrize("projected", [True, False])
def test_a_wrap_up_ends_after_a_take_over(url: str, projected: bool) -> None:
    async def story() -> None:
        async with open_shop(url, wrap_up_sec=30) as one:
            (lease,) = (await call(one, "c1"))["legs"]
            wish = {"leaseId": lease["leaseId"], "epoch": lease["epoch"]}
            await one.ask("acd.ConfirmLease", **wish)
            await one.report("c1", "end")
        if projected:
            project(url)
        async with owner(url, "two", claim=False) as two:
            two.offset = 31_000
            two.claim()
            await _until(lambda: acd_facts(url)[-1] == "agent_wrapped_up", 2.0)

    asyncio.run(story())


def test_ring_progressively_rings_the_next_one_in_time(url: str) -> None:
    async def story() -> None:
        strategy = {"strategy": "ring_progressively", "agent_ring_timeout_sec": 20}
        async with open_shop(url, **strategy) as one:
            await call(one, "c1")
            one.offset = 4_000
            one.loop._arrived.set()
            await asyncio.sleep(0.1)
            assert acd_facts(url)[-1] == "agent_reserved"
            one.offset = 21_000
            one.loop._arrived.set()
            await _until(lambda: acd_facts(url)[-2:] == ["lease_released", "agent_reserved"], 2.0)

    asyncio.run(story())


def test_the_same_command_id_is_the_same_answer_and_no_more(url: str) -> None:
    async def story() -> None:
        async with open_shop(url) as one:
            wish = {"userId": "1001", "event": "pause", "reason": "lunch", "commandId": "w1"}
            first = await one.ask("acd.ControlAgent", **wish)
            await one.ask("acd.ControlAgent", userId="1001", event="available")
            count = len(facts(url))
            assert (await one.ask("acd.ControlAgent", **wish))["ok"] == first["ok"]
            assert len(facts(url)) == count

    asyncio.run(story())


def test_two_workers_that_both_believe_to_own_the_account_bridge_once(url: str) -> None:
    async def story() -> None:
        async with open_shop(url) as old:
            (lease,) = (await call(old, "c1"))["legs"]
            wish = {"leaseId": lease["leaseId"], "epoch": lease["epoch"]}
            async with owner(url, "new") as new:
                await new.report("c1", "end")
                late = await old.ask("acd.ConfirmLease", **wish)
                assert late["error"]["kind"] == "Unavailable"
                answer = await new.ask("acd.ConfirmLease", **wish)
                assert answer["ok"] == {"ok": 0, "reason": "caller_gone"}
        assert "lease_confirmed" not in acd_facts(url)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("name", "members", "kind"),
    [
        ("ConfirmLease", {"leaseId": "x"}, "Invalid"),
        ("ShowAgent", {"userId": "nobody"}, "NotFound"),
        ("ShowAgent", {"userId": "1001", "accountId": OTHER_ACCOUNT}, "NotFound"),
    ],
)
def test_what_makes_no_sense_is_refused(
    url: str, name: str, members: dict[str, Any], kind: str
) -> None:
    async def story() -> None:
        async with open_shop(url) as one:
            answer = await one.ask(f"acd.{name}", **members)
            assert answer["error"]["kind"] == kind, orjson.dumps(answer)

    asyncio.run(story())


@pytest.mark.parametrize("seed", range(5))
def test_a_floor_from_a_snapshot_and_what_came_after_is_that_from_all_facts(seed: int) -> None:
    happened = a_shift(Random(seed))
    for cut in range(0, len(happened), 23):
        data = snapshots.dump_presence(given(PRESENCE, *happened[:cut]).state)
        snapshot = Snapshot(StreamName(FLOOR), cut, snapshots.PRESENCE, data)
        world = World(Options(Platform(), "secret", "sip:media", 0), 1, 1)
        present = History(snapshot, happened[cut:])
        world.put_account(ACCOUNT, Directory(), present, History(None, []), since_sec=0)
        assert world.office(ACCOUNT).presence == given(PRESENCE, *happened).state


def test_a_floor_is_looked_at_in_time_and_not_a_second_later() -> None:
    """Contacts have a grain, reservations have not."""
    timers = Timers()
    floor = Deadline(Millis(1_001), ACCOUNT, None, "")
    timers.add([floor, floor, Deadline(Millis(1_001), ACCOUNT, None)])
    assert list(timers.due(Millis(1_001))) == [floor]
    assert timers.next_due() == 2_000


def test_nothing_is_left_behind_by_a_new_snapshot_of_another_shape(url: str) -> None:
    """A snapshot under a name that is no more is not read: the stream is folded from its start."""

    async def story() -> None:
        async with open_shop(url) as one:
            await call(one, "c1")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO events.snapshots VALUES (%s, 1, 'presence.state.v1', '[[], []]')",
                (FLOOR,),
            )
        async with owner(url, "two") as two:
            shown = await two.ask("acd.ShowAgent", userId="1001")
            assert (shown["ok"]["state"], shown["ok"]["callId"]) == ("offering", "c1")

    asyncio.run(story())
