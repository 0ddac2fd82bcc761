"""Leases of partitions: one owner each, shared among the living, taken over from the dead."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from nats.js.api import KeyValueConfig
from nats.js.errors import NoStreamResponseError

from commands.partitions import PARTITIONS
from gateways.bus import leases
from gateways.bus.connection import PARTITIONS as BUCKET
from gateways.bus.connection import connect, ensure_streams
from gateways.bus.leases import Leases


@asynccontextmanager
async def member(nats_url: str, name: str) -> AsyncIterator[Leases]:
    client = await connect(nats_url, name)
    await ensure_streams(client)
    try:
        yield Leases(client, await client.jetstream().key_value(BUCKET), name)
    finally:
        await client.close()


async def take_share(one: Leases) -> set[int]:
    """One round of what a worker does."""
    held = await one.renew()
    for partition in one.free()[: max(0, one.share() - len(held))]:
        await one.take(partition)
    return one.held_by(one.worker)


def test_the_first_worker_takes_everything(nats_url: str) -> None:
    async def story() -> None:
        async with member(nats_url, "a") as a:
            assert await take_share(a) == set(range(PARTITIONS))

    asyncio.run(story())


def test_two_workers_that_want_the_same_partition_get_one_answer(nats_url: str) -> None:
    async def story() -> None:
        async with member(nats_url, "a") as a, member(nats_url, "b") as b:
            await a.renew()
            await b.renew()
            wins = await asyncio.gather(*(one.take(p) for p in range(20) for one in (a, b)))
            assert sum(wins) == 20
            await a.renew()
            await b.renew()
            assert a.held_by("a") == b.held_by("a")
            assert a.held_by("a").isdisjoint(a.held_by("b"))

    asyncio.run(story())


def test_the_living_share_and_the_shares_add_up(nats_url: str) -> None:
    async def story() -> None:
        async with (
            member(nats_url, "a") as a,
            member(nats_url, "b") as b,
            member(nats_url, "c") as c,
        ):
            for one in (a, b, c):
                await one.renew()
            for one in (a, b, c):
                await one.renew()
            shares = [one.share() for one in (a, b, c)]
            assert sum(shares) == PARTITIONS
            assert max(shares) - min(shares) <= 1

    asyncio.run(story())


def test_what_a_worker_gives_back_is_free_at_once(nats_url: str) -> None:
    async def story() -> None:
        async with member(nats_url, "a") as a, member(nats_url, "b") as b:
            await take_share(a)
            await a.give(7)
            await b.renew()
            assert b.free() == [7]

    asyncio.run(story())


def test_the_partitions_of_a_worker_that_fell_silent_are_free_after_the_ttl(
    nats_url: str,
) -> None:
    async def story() -> None:
        async with member(nats_url, "b") as b:
            async with member(nats_url, "a") as a:
                await take_share(a)
            await b.renew()
            assert b.free() == [], "it may still live"
            loop = asyncio.get_running_loop()
            began = loop.time()
            while not b.free():
                await asyncio.sleep(0.1)
                await b.renew()
            assert leases.TTL <= loop.time() - began + 0.2 < 5.0
            assert b.free() == list(range(PARTITIONS))

    asyncio.run(story())


def test_a_worker_that_comes_back_under_its_name_has_its_partitions_at_once(
    nats_url: str,
) -> None:
    async def story() -> None:
        async with member(nats_url, "a") as a:
            await take_share(a)
        async with member(nats_url, "a") as again:
            assert await again.renew() == set(range(PARTITIONS))

    asyncio.run(story())


def test_a_bucket_that_cannot_be_read_is_not_taken_for_an_empty_one(nats_url: str) -> None:
    async def story() -> None:
        async with member(nats_url, "a") as a:
            held = await take_share(a)
            await a.client.jetstream().delete_stream("KV_" + BUCKET)
            with pytest.raises((TimeoutError, NoStreamResponseError)):
                await a.renew()
            assert a.held_by("a") == held

    asyncio.run(story())


def test_a_bucket_that_an_earlier_release_made_is_brought_up_to_date(nats_url: str) -> None:
    async def story() -> None:
        client = await connect(nats_url, "earlier")
        await client.jetstream().create_key_value(KeyValueConfig(bucket=BUCKET, history=1))
        await client.close()
        async with member(nats_url, "a") as a:
            assert await take_share(a) == set(range(PARTITIONS))

    asyncio.run(story())
