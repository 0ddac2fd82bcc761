"""What calls cost, with their real owner: said with the end, and remembered as spent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import psycopg
import pytest

from tests.commands.test_loop import Owner, owner
from tests.support.facts import ACCOUNT

HOUR = 3_600_000
PLAN = "rate_01j3sarpfcz8gdnnabykstr6fw"
USER = "us_01j3sarpfcz8gdnnabykstr6fw"
ALICE = {"authUser": "1001", "fromDomain": "acme.example", "to": "+442079460000"}


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@asynccontextmanager
async def _company(url: str, **account: Any) -> AsyncIterator[Owner]:
    """Alice, a way out and a plan: a unit for each minute."""
    async with owner(url) as one:
        await one.make_account(**account)
        rates = [{"prefix": "44", "micros_per_min": 1_000_000}]
        await one.make("rate_plan", PLAN, name="Retail", currency="USD", rates=rates)
        patch = {"kind": "account", "id": ACCOUNT, "by": "test", "patch": {"rate_plan_id": PLAN}}
        await one.ask("resources.ChangeRow", **patch)
        trunk = {"name": "Carrier", "proxy": "carrier.example"}
        await one.make("sip_trunk", "tr_01j3sarpfcz8gdnnabykstr6fw", **trunk)
        await one.make("sip_user", USER, username="1001")
        device = {"user_id": USER, "auth_username": "1001", "realm": "acme.example"}
        await one.make("sip_device", "dev_01j3sarpfcz8gdnnabykstr6fw", **device)
        yield one


async def _call(one: Owner, call_id: str, minutes: int) -> str:
    """What was done with a call abroad; it is over at once, for the edge says how long it was."""
    reply = await one.route(call_id, **ALICE)
    now = one.clock()
    await one.report(call_id, "answered", ts=now)
    await one.report(call_id, "end", ts=now + minutes * 60_000)
    return str(reply["ok"]["rtjson"]["action"])


def _stored(url: str, name: str) -> list[dict[str, Any]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT state FROM events.stored_events WHERE topic = %s ORDER BY notification_id",
            (name,),
        ).fetchall()
    return [orjson.loads(bytes(row[0])) for row in rows]


def test_a_new_owner_knows_what_was_spent(url: str) -> None:
    async def story() -> None:
        async with _company(url, toll_fraud="block") as one:
            assert [await _call(one, f"usual-{n}", 1) for n in range(3)] == ["outbound"] * 3
            one.offset = 2 * HOUR
            assert await _call(one, "long", 25) == "outbound"
        async with owner(url, "two") as two:
            two.offset = 2 * HOUR
            assert await _call(two, "more", 1) == "reject"
            two.offset = 4 * HOUR
            assert await _call(two, "later", 1) == "outbound"

    asyncio.run(story())
    released = [one["costly_micros"] for one in _stored(url, "capacity.released.v1")]
    assert released == [1_000_000, 1_000_000, 1_000_000, 25_000_000, 1_000_000]
    (suspicion,) = _stored(url, "capacity.toll_fraud_suspected.v1")
    assert (suspicion["count"], suspicion["action"]) == (1, "block")
    assert (suspicion["spent_micros"], suspicion["usual_micros"]) == (25_000_000, 20_000_000)


def test_a_call_that_its_node_has_lost_is_paid_for_until_its_last_sign_of_life(url: str) -> None:
    async def story() -> None:
        async with _company(url) as one:
            await one.route("lost", nodeId="n1", **ALICE)
            await one.report("lost", "answered")
            lost = {"callId": "lost", "nodeId": "n1", "ts": one.clock() + 60_000}
            assert (await one.ask("call.EndLostCall", **lost))["ok"]["released"] == 1

    asyncio.run(story())
    (ended,) = _stored(url, "call.ended.v1")
    assert ended["outcome"]["cost_micros"] == 1_000_000
    assert ended["outcome"]["rate_id"] == f"{PLAN}:out:44"
