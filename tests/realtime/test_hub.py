"""One load for all who watch, a number for who is slow, and not one viewer too many."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from domain.directory import Directory
from domain.errors import Unavailable
from domain.presence import Presence
from events.acd import LeaseConfirmed
from events.base import AccountId, CallId, Fact, Millis
from events.catalogue import NAMES
from events.resources import DELETED
from gateways.bus.connection import connect, ensure_streams
from gateways.bus.relay import POSITION
from gateways.bus.tail import Tail
from gateways.problems import Unauthenticated
from gateways.realtime.frames import Place
from gateways.realtime.hub import Hub
from gateways.realtime.viewers import Viewer, Viewers
from gateways.realtime.watched import Watched
from gateways.store.codec import encode
from projections.wallboard.board import Board
from projections.wallboard.visits import Visits
from projections.wallboard.work import Work
from tests.domain.center import WholeCenter
from tests.support.given import ACCOUNT, NOW
from tests.support.screen import Screen


class Bus:
    """Facts are published here by hand; a hub hears of them."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.position = 0
        self.loads = 0
        self.hub: Hub

    async def publish(self, *facts: Fact) -> None:
        for fact in facts:
            self.position += 1
            headers = {POSITION: str(self.position), "ce-type": NAMES[type(fact)]}
            area, name, _ = headers["ce-type"].split(".")
            subject = f"evt.{fact.account_id}.{area}.{name}"
            await self.client.jetstream().publish(subject, encode(fact), headers=headers)

    async def load(self, account_id: AccountId) -> Board:
        self.loads += 1
        await asyncio.sleep(0.05)
        work = Work(account_id, NOW, [], {}, [])
        visits = Visits(NOW, {}, {}, [])
        return Board(account_id, NOW, self.position, Directory(), Presence(), visits, work)


@asynccontextmanager
async def bus(nats_url: str, max_viewers: int = 3) -> AsyncIterator[Bus]:
    client = await connect(nats_url, "test")
    await ensure_streams(client)
    made = Bus(client)

    async def settled() -> None:
        return

    viewers = Viewers(max_viewers, settled)
    made.hub = Hub(client, made.load, lambda _: NOW, lambda: NOW, viewers)
    running = [asyncio.create_task(one) for one in (made.hub.run(), viewers.run())]
    try:
        yield made
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.sleep(0)
        await client.close()


def run(nats_url: str, work: Callable[[Bus], Awaitable[None]], **options: Any) -> None:
    async def connected() -> None:
        async with bus(nats_url, **options) as made:
            await asyncio.wait_for(work(made), 30)

    asyncio.run(connected())


def viewer(check: Any = None) -> Viewer:
    async def fine() -> None:
        return

    return Viewer(ACCOUNT, "key", check or fine)


async def seen(frames: AsyncIterator[bytes], screen: Screen, check: Any) -> None:
    while not check(screen):
        screen.apply(orjson.loads(await anext(frames)))


def shift() -> list[Fact]:
    center = WholeCenter()
    center.queue("q_1")
    for number in range(20):
        center.ready(f"agent{number}", "q_1")
        center.call(f"call-{number}")
        center.wait(1)
    return center.facts


def test_a_hundred_who_watch_cost_one_load(nats_url: str) -> None:
    async def work(made: Bus) -> None:
        found = await asyncio.gather(*(made.hub.watched(ACCOUNT) for _ in range(100)))
        assert {id(one) for one in found} == {id(found[0])}
        await made.publish(*shift())
        frames, screen = found[0].frames(None), Screen()
        await seen(frames, screen, lambda screen: len(screen.of("agent")) == 20)
        for _ in range(20):
            await made.hub.watched(ACCOUNT)
        assert made.loads == 1

    run(nats_url, work)


def test_who_does_not_read_gets_the_newest_of_each_key_once(nats_url: str) -> None:
    async def work(made: Bus) -> None:
        watched = await made.hub.watched(ACCOUNT)
        slow, quick = watched.frames(None), watched.frames(None)
        screen, other = Screen(), Screen()
        screen.apply(orjson.loads(await anext(slow)))
        reading = asyncio.create_task(
            seen(quick, other, lambda screen: len(screen.of("agent")) == 20)
        )
        facts = shift()
        for start in range(0, len(facts), 5):
            await made.publish(*facts[start : start + 5])
            await asyncio.sleep(0.02)
        await reading
        assert len(other.kinds) > 5
        screen.apply(orjson.loads(await anext(slow)))
        assert screen.kinds == ["snapshot", "delta"]
        assert screen.sequence >= other.sequence
        assert len(screen.of("agent")) == 20

    run(nats_url, work)


def test_two_at_the_same_place_share_a_frame(nats_url: str) -> None:
    async def work(made: Bus) -> None:
        watched = await made.hub.watched(ACCOUNT)
        both = [watched.frames(None), watched.frames(None)]
        first, second = [await anext(one) for one in both]
        assert first is second
        await made.publish(*shift())
        await asyncio.sleep(0.1)
        first, second = [await anext(one) for one in both]
        assert first is second

    run(nats_url, work)


def test_one_viewer_too_many_comes_later(nats_url: str) -> None:
    async def work(made: Bus) -> None:
        await made.hub.watched(ACCOUNT)
        with made.hub.viewers.admitted(viewer()), made.hub.viewers.admitted(viewer()):
            third, fourth = made.hub.viewers.admitted(viewer()), made.hub.viewers.admitted(viewer())
            with third, pytest.raises(Unavailable), fourth:
                pass
            with made.hub.viewers.admitted(viewer()):
                pass

    run(nats_url, work)


def test_who_may_not_look_any_more_is_sent_away_at_once(nats_url: str) -> None:
    async def refused() -> None:
        raise Unauthenticated("the key is unknown, revoked or expired")

    async def work(made: Bus) -> None:
        await made.hub.watched(ACCOUNT)
        good, bad = viewer(), viewer(refused)
        bad.key = "another"
        revoked = DELETED["api_key"](account_id=ACCOUNT, at=NOW, id="key_1", by="test")
        with made.hub.viewers.admitted(good), made.hub.viewers.admitted(bad):
            await made.publish(revoked)
            await asyncio.wait_for(bad.over.wait(), 5)
            assert isinstance(bad.refusal, Unauthenticated)
            assert not good.over.is_set()

    run(nats_url, work)


def test_a_fact_that_cannot_be_folded_makes_the_board_load_again(nats_url: str) -> None:
    async def work(made: Bus) -> None:
        watched = await made.hub.watched(ACCOUNT)
        frames, screen = watched.frames(None), Screen()
        await seen(frames, screen, lambda screen: screen.is_live)
        # of a reservation of which the board knows nothing
        await made.publish(
            LeaseConfirmed(
                account_id=ACCOUNT,
                at=NOW,
                agent_id="us_alice",
                lease_id="lease_9",
                epoch=9,
                call_id=CallId("c1"),
                queue_id="q_1",
                queued_at=Millis(NOW),
            )
        )
        await seen(frames, screen, lambda screen: made.loads == 2 and screen.is_live)

    run(nats_url, work)


def test_facts_come_in_order_and_whole_though_consumers_die(nats_url: str) -> None:
    async def work(made: Bus) -> None:
        taken: list[int] = []
        tail = Tail(made.client, [f"evt.{ACCOUNT}.acd.>"], lambda one: taken.append(one.position))
        jetstream = made.client.jetstream()
        await tail.begin()
        facts = [fact for fact in shift() if NAMES[type(fact)].startswith("acd.")]
        following = asyncio.create_task(tail.run())
        for start in range(0, len(facts), 20):
            await made.publish(*facts[start : start + 20])
            for consumer in await jetstream.consumers_info("EVENTS"):
                if start % 40 == 0:
                    await jetstream.delete_consumer("EVENTS", consumer.name)
        while len(taken) < len(facts):
            await asyncio.sleep(0.05)
        following.cancel()
        assert taken == list(range(1, len(facts) + 1))

    run(nats_url, work)


def test_a_place_of_another_time_begins_again(nats_url: str) -> None:
    async def work(made: Bus) -> None:
        watched: Watched = await made.hub.watched(ACCOUNT)
        for place in (None, Place("another", 1), Place("", 99)):
            assert orjson.loads(await anext(watched.frames(place)))["type"] == "snapshot"
        first = orjson.loads(await anext(watched.frames(None)))
        place = Place(first["epoch"], first["seq"])
        assert orjson.loads(await anext(watched.frames(place)))["type"] == "delta"
        future = Place(first["epoch"], first["seq"] + 1)
        assert orjson.loads(await anext(watched.frames(future)))["type"] == "snapshot"

    run(nats_url, work)


def test_who_looks_is_asked_again_however_much_happens_elsewhere() -> None:
    asked = 0

    async def check() -> None:
        nonlocal asked
        asked += 1

    async def work() -> None:
        viewers = Viewers(3, check_nothing, every=0.1)
        running = asyncio.create_task(viewers.run())
        with viewers.admitted(viewer(check)):
            for _ in range(50):
                viewers.suspect(AccountId("acc_other"))
                await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(work())
    assert asked >= 3


async def check_nothing() -> None:
    return
