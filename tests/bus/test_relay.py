"""The relay: every fact on the bus, in order, once, through crashes of either side."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import orjson
from nats.aio.client import Client

from commands.partitions import partition_of
from commands.store import Append
from events.base import Fact
from gateways.bus.connection import EVENTS, connect, ensure_streams
from gateways.bus.relay import POSITION, Relay
from gateways.store.events import PgStore
from gateways.store.keys import Keyring
from tests.support.facts import ACCOUNT, ended, numbered, routed, taken

EPOCHS = {partition_of(ACCOUNT): 1}


@asynccontextmanager
async def relaying(nats_url: str, database_url: str) -> AsyncIterator[Relay]:
    client = await connect(nats_url, "relay")
    await ensure_streams(client)
    stop = asyncio.Event()
    relay = Relay(client, database_url)
    running = asyncio.create_task(relay.run(stop))
    try:
        yield relay
    finally:
        stop.set()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(running, 5)
        await client.close()


class Writer:
    def __init__(self, database_url: str) -> None:
        self.store = PgStore(database_url, Keyring.of(b"k" * 32))
        self.store.claim(list(EPOCHS), "test")
        self.versions: dict[str, int] = {}
        self.count = 0

    def write(self, *facts: Fact) -> None:
        self.store.append(Append(numbered(*facts, versions=self.versions), (), EPOCHS))
        self.count += len(facts)


async def published(client: Client, count: int) -> list[tuple[int, str]]:
    """Position and subject of all messages, once there are `count` of them."""
    jetstream = client.jetstream()
    for _ in range(200):
        state = (await jetstream.stream_info(EVENTS)).state
        if state.messages >= count:
            break
        await asyncio.sleep(0.05)
    found = []
    for sequence in range(state.first_seq, state.last_seq + 1):
        message = await jetstream.get_msg(EVENTS, seq=sequence)
        found.append((int((message.headers or {})[POSITION]), message.subject or ""))
    return found


def test_every_fact_is_published_in_order_with_its_attributes(
    nats_url: str, database_url: str
) -> None:
    async def story() -> None:
        writer = Writer(database_url)
        client = await connect(nats_url, "test")
        async with relaying(nats_url, database_url):
            writer.write(routed("a"), taken("a"))
            writer.write(*(routed(f"c{n}") for n in range(1_200)))
            writer.write(ended("a"))
            found = await published(client, writer.count)
            assert [position for position, _ in found] == list(range(1, writer.count + 1))
            assert found[0][1] == f"evt.{ACCOUNT}.call.routed"
            assert found[1][1] == f"evt.{ACCOUNT}.capacity.taken"
            first = await client.jetstream().get_msg(EVENTS, seq=1)
            assert first.headers is not None
            assert first.headers["ce-type"] == "call.routed.v1"
            assert first.headers["ce-subject"] == "call-a"
            assert orjson.loads(first.data or b"")["call_id"] == "a"
        writer.store.close()
        await client.close()

    asyncio.run(story())


def test_a_relay_resumes_after_the_last_message_of_the_stream(
    nats_url: str, database_url: str
) -> None:
    async def story() -> None:
        writer = Writer(database_url)
        client = await connect(nats_url, "test")
        for generation in range(3):
            async with relaying(nats_url, database_url):
                writer.write(*(routed(f"{generation}-{n}") for n in range(100)))
                await published(client, writer.count)
        found = await published(client, writer.count)
        assert [position for position, _ in found] == list(range(1, 301))
        writer.store.close()
        await client.close()

    asyncio.run(story())


def test_what_went_out_before_a_crash_is_not_published_twice(
    nats_url: str, database_url: str
) -> None:
    """A relay that is behind what the stream has (an answer was lost, another one led
    meanwhile)."""

    async def story() -> None:
        writer = Writer(database_url)
        client = await connect(nats_url, "test")
        await ensure_streams(client)
        writer.write(*(routed(f"a{n}") for n in range(20)))
        async with relaying(nats_url, database_url) as relay:
            await published(client, 20)
            relay._position, relay._sequence = 10, 10
            writer.write(*(routed(f"b{n}") for n in range(20)))
            found = await published(client, 40)
        assert [position for position, _ in found] == list(range(1, 41))
        writer.store.close()
        await client.close()

    asyncio.run(story())


def test_a_message_that_is_lost_on_the_way_leaves_no_gap(nats_url: str, database_url: str) -> None:
    """What comes after the lost one is refused, and all of it is sent again in order."""

    async def story() -> None:
        writer = Writer(database_url)
        client = await connect(nats_url, "test")
        await ensure_streams(client)
        writer.write(*(routed(f"a{n}") for n in range(10)))
        async with relaying(nats_url, database_url) as relay:
            await published(client, 10)
            relay._position, relay._sequence = 11, 11  # as if number 11 were on the bus
            writer.write(*(routed(f"b{n}") for n in range(10)))
            found = await published(client, 20)
        assert [position for position, _ in found] == list(range(1, 21))
        writer.store.close()
        await client.close()

    asyncio.run(story())


def test_two_relays_have_one_leader(nats_url: str, database_url: str) -> None:
    async def story() -> None:
        writer = Writer(database_url)
        client = await connect(nats_url, "test")
        async with relaying(nats_url, database_url), relaying(nats_url, database_url):
            writer.write(*(routed(f"a{n}") for n in range(50)))
            found = await published(client, 50)
            await asyncio.sleep(0.5)
            assert len(await published(client, 50)) == 50
        assert [position for position, _ in found] == list(range(1, 51))
        writer.store.close()
        await client.close()

    asyncio.run(story())


def test_a_bus_that_lost_its_data_gets_everything_again(nats_url: str, database_url: str) -> None:
    async def story() -> None:
        writer = Writer(database_url)
        client = await connect(nats_url, "test")
        async with relaying(nats_url, database_url):
            writer.write(*(routed(f"a{n}") for n in range(30)))
            await published(client, 30)
        await client.jetstream().delete_stream(EVENTS)
        async with relaying(nats_url, database_url):
            found = await published(client, 30)
        assert [position for position, _ in found] == list(range(1, 31))
        writer.store.close()
        await client.close()

    asyncio.run(story())
