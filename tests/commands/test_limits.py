"""Limits, bans and lists with their real owner: what a take-over keeps, and what costs no row."""

import asyncio
from typing import Any

import psycopg
import pytest

from domain.detection import RULES
from events.base import PLATFORM
from tests.commands.test_loop import Owner, facts, owner
from tests.support.facts import ACCOUNT

LIMIT = "lim_01j3sarpfcz8gdnnabykstr6fw"
IP = "203.0.113.9"


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


async def _limited(one: Owner, **members: Any) -> None:
    await one.make_account()
    known = {"scope_kind": "account", "period_sec": 3_600, "max_count": 3}
    await one.make("call_limit", LIMIT, **{**known, **members})


async def _actions(one: Owner, *calls: str) -> list[str]:
    replies = [await one.route(call_id) for call_id in calls]
    return [reply["ok"]["rtjson"]["action"] for reply in replies]


async def _guess(one: Owner, times: int, ip: str = IP, username: str | None = None) -> None:
    for number in range(times):
        login = {"username": username or f"guess-{number}", "realm": "acme.example"}
        await one.ask(
            "bans.ReportFailedAuth",
            **{**login, "ip": ip, "reason": "bad_response", "accountId": PLATFORM},
        )


@pytest.mark.parametrize("others", [0, 520], ids=["from its facts", "from a snapshot"])
def test_a_new_owner_knows_what_has_been_counted(url: str, others: int) -> None:
    caller = {"scope_kind": "number", "scope_id": "+14155551234"}

    async def story() -> None:
        async with owner(url) as one:
            await _limited(one, **caller)
            assert await _actions(one, "a", "b") == ["flow", "flow"]
            calls = [f"other-{number}" for number in range(others)]
            await asyncio.gather(*(one.route(call, **{"from": "+12125550100"}) for call in calls))
            await asyncio.gather(*(one.report(call, "end") for call in ["a", *calls]))
        with psycopg.connect(url) as connection:
            saved = connection.execute("SELECT topic FROM events.snapshots").fetchall()
        assert saved == ([("capacity.state.v3",)] if others else [])
        async with owner(url, "two") as two:
            assert await _actions(two, "c", "d", "a") == ["flow", "reject", "flow"]
            two.offset = 3_600_000
            assert await _actions(two, "e") == ["flow"]

    asyncio.run(story())


def test_calls_of_one_batch_see_each_other(url: str) -> None:
    async def story() -> None:
        async with owner(url) as one:
            await _limited(one)
            replies = await asyncio.gather(*(one.route(f"c{n}") for n in range(30)))
            actions = [reply["ok"]["rtjson"]["action"] for reply in replies]
            assert actions.count("flow") == 3
        assert facts(url, "capacity-%").count("capacity.taken.v1") == 3

    asyncio.run(story())


def test_a_flood_of_guesses_is_counted_and_hardly_written(url: str) -> None:
    async def story() -> None:
        async with owner(url) as one:
            await _guess(one, 3 * RULES["auth_ip"].threshold, username="1001")
            assert facts(url, "bans-%") == ["bans.auth_failed.v1", "bans.imposed.v1"]

    asyncio.run(story())


def test_a_ban_of_ours_outlives_its_owner_and_ends_by_itself(url: str) -> None:
    async def orders(one: Owner) -> list[str]:
        body = {"nodeId": "edge-1", "ts": one.clock(), "bans": [], "accountId": PLATFORM}
        reply = await one.ask("bans.ReportBans", **body)
        return [ban["ip"] for ban in reply["ok"]["ban"]]

    async def story() -> None:
        async with owner(url) as one:
            await _guess(one, RULES["auth_ip"].threshold)
            assert await orders(one) == [IP]
        async with owner(url, "two") as two:
            assert await orders(two) == [IP]
            two.offset = RULES["auth_ip"].ban_sec * 1000
            assert await orders(two) == []

    asyncio.run(story())


def test_what_has_no_address_is_recorded_but_not_banned(url: str) -> None:
    async def story() -> None:
        async with owner(url) as one:
            await _guess(one, RULES["auth_ip"].threshold, ip="unknown", username="1001")
            assert facts(url, "bans-%") == ["bans.auth_failed.v1"]

    asyncio.run(story())


def test_a_list_is_loaded_by_those_only_who_ask_for_it(url: str) -> None:
    abroad = "+4930123456"

    async def dialled(one: Owner, call_id: str) -> Any:
        reply = await one.route(call_id, to=abroad, deviceId="dev_01j3sarpfcz8gdnnabykstr6fw")
        return reply["ok"]["rtjson"]

    async def story() -> None:
        async with owner(url) as one:
            await one.make_account()
            user, device = "us_01j3sarpfcz8gdnnabykstr6fw", "dev_01j3sarpfcz8gdnnabykstr6fw"
            await one.make("sip_user", user, username="1001")
            login = {"auth_username": "1001", "realm": "acme.example"}
            await one.make("sip_device", device, user_id=user, **login)
            await one.ask("dnc.ListNumber", e164=abroad[1:], by="test")
        async with owner(url, "two") as two:
            assert (await dialled(two, "a"))["code"] == 404, "no trunk, but nobody minds the list"
            patch = {"kind": "account", "id": ACCOUNT, "by": "test"}
            await two.ask("resources.ChangeRow", **patch, patch={"dnc_outbound": 1})
            assert (await dialled(two, "b"))["reason"] == "Do Not Call"
            assert (await two.route("c"))["ok"]["rtjson"]["action"] == "flow"

    asyncio.run(story())
