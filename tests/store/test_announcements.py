"""What subscribers are owed: names, data, numbers; the same when it is folded again (spec 07)."""

import asyncio
from collections.abc import Iterator
from typing import Any, get_args

import orjson
import psycopg
import pytest
from psycopg.rows import dict_row

from commands.partitions import partition_of
from commands.store import Append
from domain import directory
from domain.directory import Directory
from domain.resources import Author, Claim, create
from domain.rules.members import WebhookEvent
from events.bans import BanImposed
from events.base import PLATFORM, Fact, Millis
from events.webhooks import WebhookTested
from gateways.ids import new_id
from gateways.store.events import PgStore
from gateways.store.keys import Keyring
from gateways.store.projector import Projector
from gateways.store.reader import Reader
from gateways.store.rebuild import rebuild
from gateways.webhooks.pruning import prune
from projections.announcements import ANNOUNCED, EVENTS_OF_A_FACT, announced
from projections.outbox import Outbox
from tests.events.examples import EXAMPLES
from tests.store.test_projections import a_life
from tests.support.facts import ACCOUNT, START, answered, ended, numbered, routed

EPOCHS = {partition_of(ACCOUNT): 1}
_ABOUT: dict[str, Any] = {"secret_ref": "sec_1", "url": "https://hooks.example/"}


@pytest.fixture
def store(database_url: str) -> Iterator[PgStore]:
    made = PgStore(database_url, Keyring.of(b"k" * 32))
    made.claim(list(EPOCHS), "test")
    yield made
    made.close()


def test_what_can_be_subscribed_to_is_what_is_announced() -> None:
    announcements = [one for fact in EXAMPLES for one in announced(fact)]
    assert {one.event for one in announcements} == {*get_args(WebhookEvent)} - {"*"}


def test_the_kinds_of_facts_that_a_replay_reads_are_those_that_are_announced() -> None:
    found = {type(fact) for fact in EXAMPLES if list(announced(fact))}
    assert found == ANNOUNCED | {WebhookTested}


def test_a_fact_announces_no_more_than_there_are_places_for() -> None:
    assert all(len(list(announced(fact))) <= EVENTS_OF_A_FACT for fact in EXAMPLES)


def test_a_ban_says_who_and_why() -> None:
    ban = BanImposed(
        account_id=PLATFORM,
        at=START,
        ip="203.0.113.9",
        rule="auth_ip",
        hits=20,
        expires_at=Millis(START + 60_000),
        detail="1001@acme.example",
    )
    (one,) = announced(ban)
    assert (one.event, one.call_id) == ("security.ban", None)
    assert one.data == {
        "source": "rule",
        "node_id": None,
        "ip": "203.0.113.9",
        "rule": "auth_ip",
        "hits": 20,
        "detail": "1001@acme.example",
        "group": "default",
        "expires_at": START + 60_000,
        "ts": START,
    }


def a_webhook(*events: str, account_id: Any = ACCOUNT) -> list[Fact]:
    """The account, and a subscription of it."""
    state, author = Directory(), Author(account_id, "test", START)
    account = create(state, author, "account", account_id, {"name": "A"}, lambda _: Claim())
    for fact in account:
        directory.evolve(state, fact)  # type: ignore[arg-type]
    members = {**_ABOUT, "events": events or ("*",)}
    return account + create(state, author, "webhook", new_id("wh"), members, lambda _: Claim())


def append(store: PgStore, versions: dict[str, int], *facts: Fact) -> None:
    store.append(Append(numbered(*facts, versions=versions), (), EPOCHS))


def outbox(url: str, order: str = "place") -> list[dict[str, Any]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(
            f"SELECT * FROM views.outbox ORDER BY {order}".encode()
        ).fetchall()


def test_the_events_of_a_call_are_numbered_without_gaps_also_after_a_restart(
    store: PgStore, database_url: str
) -> None:
    versions: dict[str, int] = {}
    append(store, versions, *a_webhook(), routed("a"), routed("b"))
    first = Projector(database_url)
    first.catch_up()
    first.close()
    append(store, versions, answered("a"), ended("a"), ended("b"))
    second = Projector(database_url)
    second.catch_up()
    second.close()
    rows = outbox(database_url)
    assert [(row["call_id"], row["event"], row["sequence"]) for row in rows] == [
        ("a", "call.started", 1),
        ("b", "call.started", 1),
        ("a", "call.answered", 2),
        ("a", "call.ended", 3),
        ("b", "call.ended", 2),
    ]
    for row in rows:
        body = orjson.loads(row["body"])
        assert (body["id"], body["sequence"]) == (row["delivery_id"], row["sequence"])
        assert body.keys() == {"event", "account_id", "id", "sequence", "data", "ts"}


def test_a_subscription_counts_what_it_has_subscribed_to(store: PgStore, database_url: str) -> None:
    append(store, {}, *a_webhook("call.ended"), routed("a"), answered("a"), ended("a"))
    projector = Projector(database_url)
    projector.catch_up()
    projector.close()
    assert [(row["event"], row["sequence"]) for row in outbox(database_url)] == [("call.ended", 1)]


def test_bans_are_announced_to_the_platform_and_to_nobody_else(
    store: PgStore, database_url: str
) -> None:
    ban = next(fact for fact in EXAMPLES if isinstance(fact, BanImposed))
    append(store, {}, *a_webhook(), *a_webhook(account_id=PLATFORM), ban)
    projector = Projector(database_url)
    projector.catch_up()
    projector.close()
    assert [row["account_id"] for row in outbox(database_url)] == [PLATFORM]


def settle(url: str, state: str) -> None:
    """Everything was tried once, and is paid."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO delivery.ledger (delivery_id, webhook_id, state, attempts, at)"
            " SELECT delivery_id, webhook_id, %s, 1, at FROM views.outbox",
            (state,),
        )
        connection.execute(
            "INSERT INTO delivery.paid (webhook_id, place)"
            " SELECT webhook_id, max(place) FROM views.outbox GROUP BY 1"
        )
        connection.execute(
            "INSERT INTO delivery.attempt (delivery_id, at, duration_ms)"
            " SELECT delivery_id, at, 1 FROM views.outbox"
        )


async def _prune(url: str, before: int) -> int:
    reader = Reader(url)
    try:
        return await prune(reader, before)
    finally:
        await reader.stop()


@pytest.mark.parametrize(("state", "is_kept"), [("delivered", False), ("dead", True)])
def test_what_was_delivered_long_ago_goes_and_the_dead_stay(
    store: PgStore, database_url: str, state: str, is_kept: bool
) -> None:
    append(store, {}, *a_webhook(), routed("a"), ended("a"))
    projector = Projector(database_url)
    projector.catch_up()
    projector.close()
    settle(database_url, state)
    assert asyncio.run(_prune(database_url, START)) == 0, "it is not old enough"
    assert len(outbox(database_url)) == 2
    removed = asyncio.run(_prune(database_url, START + 10**9))
    assert removed == (0 if is_kept else 6)
    assert len(outbox(database_url)) == (2 if is_kept else 0)
    rebuild(database_url, [Outbox])
    assert len(outbox(database_url)) == 2
    asyncio.run(_prune(database_url, START + 10**9))
    assert len(outbox(database_url)) == (2 if is_kept else 0), "a rebuild brings them back for good"


def test_what_is_owed_is_never_pruned(store: PgStore, database_url: str) -> None:
    append(store, {}, *a_life(5))
    projector = Projector(database_url)
    projector.catch_up()
    projector.close()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "DELETE FROM views.outbox WHERE webhook_id NOT IN"
            " (SELECT webhook_id FROM views.subscription)"
        )
    before = len(outbox(database_url))
    assert before > 50
    assert asyncio.run(_prune(database_url, START + 10**12)) == 0
    assert len(outbox(database_url)) == before
