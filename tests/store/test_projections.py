"""The read models: folded in global order, exactly once, and the same when folded again from 0."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg import Cursor
from psycopg.rows import DictRow, dict_row

from commands.partitions import partition_of
from commands.store import Append
from domain import directory, voicemail
from domain.directory import Directory
from domain.errors import NotFound
from domain.resources import Author, Claim, change, create, delete
from domain.voicemail import Mailbox, Owner, Recorded
from events.bans import (
    BanExpired,
    BanImposed,
    BanLifted,
    BanObserved,
    RangeAllowed,
    RangeDisallowed,
)
from events.base import PLATFORM, CallId, Fact, Millis
from events.call import (
    CallObserved,
    CallRevised,
    CallRinging,
    DialogEvent,
    Disposition,
    FlowStepped,
    Outcome,
)
from events.capacity import Count, Dimension, Hold
from events.dnc import (
    Entry,
    ImportAdvanced,
    ImportFinished,
    ImportStarted,
    NumbersListed,
    NumbersUnlisted,
    RejectedLine,
)
from events.flow import Play, Record, Visited
from events.presence import (
    ContactQualified,
    ContactRefreshed,
    ContactRegistered,
    ContactRemoved,
    RemovalReason,
)
from events.resources import Changed, Created, Deleted
from events.sessions import SessionOpened
from events.webhooks import WebhookTested
from gateways.ids import new_id
from gateways.store.events import PgStore
from gateways.store.keys import Keyring
from gateways.store.projector import Projector
from gateways.store.projector import create as create_tables
from gateways.store.rebuild import Progress, rebuild
from projections.base import Positioned, Projection
from projections.catalogue import CATALOGUE
from projections.cdr import Cdr
from tests.domain.center import a_shift
from tests.domain.flows import graph, node
from tests.support.facts import (
    ACCOUNT,
    START,
    answered,
    ended,
    legs_held,
    numbered,
    released,
    routed,
    taken,
)

EPOCHS = {partition_of(ACCOUNT): 1}


@pytest.fixture
def store(database_url: str) -> Iterator[PgStore]:
    made = PgStore(database_url, Keyring.of(b"k" * 32))
    made.claim(list(EPOCHS), "test")
    yield made
    made.close()


def an_account(state: Directory) -> list[Fact]:
    """An account with two subscriptions to everything."""
    author = Author(ACCOUNT, "test", START)
    facts: list[Fact] = []
    for kind, id, members in (
        ("account", ACCOUNT, {"name": "Acme"}),
        ("webhook", new_id("wh"), {"url": "https://one.example/", "secret_ref": "sec_1"}),
        ("webhook", new_id("wh"), {"url": "https://two.example/", "secret_ref": "sec_2"}),
        ("sip_user", new_id("us"), {"username": "1001"}),
        ("call_flow", new_id("flow"), {"name": "Main", "is_published": 1, **_drawn(0)}),
    ):
        made = create(state, author, kind, id, members, lambda name: Claim())
        for fact in made:
            directory.evolve(state, fact)  # type: ignore[arg-type]
        facts += made
    return facts


def a_life(seed: int) -> list[Fact]:
    """Facts of every kind in a plausible order."""
    chance = random.Random(seed)
    state = Directory()
    facts = an_account(state)
    webhook, user, flow = (
        next(id for id in state.rows if id.startswith(prefix)) for prefix in ("wh_", "us_", "flow_")
    )
    author = Author(ACCOUNT, "test", START)
    calls: list[list[Fact]] = []
    for number in range(40):
        call_id = f"{seed}-{number}"
        start = START + number
        window = Count("lim_1", f"us_{number % 3}", chance.randrange(1, 20))
        admitted = taken(call_id, START + number * 1_000).model_copy(update={"counts": (window,)})
        life: list[Fact] = [routed(call_id, start), admitted]
        if chance.random() < 0.5:
            life.append(_ringing(call_id, START + 1_000))
        if chance.random() < 0.7:
            life.append(answered(call_id))
        if chance.random() < 0.3:
            life.append(_stepped(call_id))
        if number % 2:
            later = START + number * 1_000 + 500
            out = legs_held(call_id, later, Hold(Dimension.ACCOUNT_OUT, ACCOUNT))
            life.append(out.model_copy(update={"counts": (window,)}))
            if number % 4 == 1:
                life.append(legs_held(call_id, later + 1_000))
        if chance.random() < 0.8:
            life += [ended(call_id), released(call_id)]
            if chance.random() < 0.3:
                life.append(_revised(call_id))
        calls.append(life)
    calls.append([_observed(f"{seed}-lost")])
    calls.append(_contacts(chance))
    calls.append(_bans(chance))
    calls.append(_dnc(chance))
    calls.append(_mailbox(chance))
    calls.append(a_shift(chance))
    while calls := [life for life in calls if life]:
        facts.append(chance.choice(calls).pop(0))
        if chance.random() < 0.05:
            drawn = {**_drawn(chance.randrange(3)), "is_published": chance.randrange(2)}
            changed = change(
                state, author, "sip_user", user, {"dnd": chance.randrange(2)}, None, _no_claim
            ) + change(state, author, "call_flow", flow, drawn, None, _no_claim)
            for fact in changed:
                directory.evolve(state, fact)  # type: ignore[arg-type]
            facts += changed
        if chance.random() < 0.05:
            facts.append(WebhookTested(account_id=ACCOUNT, at=START, webhook_id=webhook))
    opened = {"account_id": ACCOUNT, "at": START, "session_id": "ses_1", "user_id": "cu_1"}
    facts.append(SessionOpened(**opened, epoch=0, expires_at=Millis(START + 1), src_ip="::1"))
    return facts + delete(state, author, "webhook", webhook, None, False)


def _no_claim(name: Any) -> Claim:
    return Claim()


def _drawn(number: int) -> dict[str, Any]:
    return graph(node("s", "say", text=str(number)))


def _stepped(call_id: str) -> FlowStepped:
    return FlowStepped(
        account_id=ACCOUNT,
        at=Millis(START + 2_500),
        call_id=CallId(call_id),
        hop=1,
        flow_id="flow_2",
        flow_version=2,
        seq=1,
        reported=None,
        data={},
        path=(Visited("s", "say", ""),),
        variables={},
        command=Play(urls=("tts/0.wav",)),
        frames=(),
    )


def _ringing(call_id: str, ts: int) -> CallRinging:
    return CallRinging(
        account_id=ACCOUNT, at=Millis(ts), call_id=CallId(call_id), ts=Millis(ts), sip_code=180
    )


def _revised(call_id: str) -> CallRevised:
    outcome = ended(call_id).outcome
    later = Outcome(**{**outcome.model_dump(), "ring_ts": START + 500})
    return CallRevised(
        account_id=ACCOUNT,
        at=Millis(START + 9_000),
        call_id=CallId(call_id),
        late=DialogEvent.EARLY,
        ts=Millis(START + 500),
        outcome=later,
    )


def _observed(call_id: str) -> CallObserved:
    return CallObserved(
        account_id=ACCOUNT, at=START, call_id=CallId(call_id), event=DialogEvent.END, ts=START
    )


def _dnc(chance: random.Random) -> list[Fact]:
    """A do-not-call list that grows, also by files, and shrinks."""
    found: list[Fact] = []
    for number in range(40):
        about = {"account_id": ACCOUNT, "at": Millis(START + number)}
        numbers = [f"1415555{chance.randrange(20):04d}" for _ in range(3)]
        entries = tuple(Entry(e164, chance.choice(["a", None])) for e164 in {*numbers})
        file = {"import_id": f"imp_{number % 3}", "by": "key_1", "lines": number + 1}
        rejected = (RejectedLine(number, "x", "not a telephone number"),)
        found.append(
            chance.choice(
                [
                    NumbersListed(**about, entries=entries, by="key_1"),
                    NumbersUnlisted(**about, numbers=tuple(numbers), by="key_1"),
                    ImportStarted(**about, **file),
                    ImportAdvanced(**about, **file, entries=entries, rejected=rejected),
                    ImportFinished(**about, import_id=file["import_id"]),
                ]
            )
        )
    return found


def _mailbox(chance: random.Random) -> list[Fact]:
    """Messages come in, are heard, and go."""
    state, owner = Mailbox(), Owner(ACCOUNT, "vm_1", ("us_1",))
    found: list[Fact] = [_recording(f"vm-{number}") for number in range(4)]
    for number in range(40):
        at = Millis(START + number)
        id = chance.choice([*state.messages, "vmm_none"])
        call_id = CallId(f"vm-{chance.randrange(6)}")
        recorded = Recorded(call_id, "1415", f"a/vm/{call_id}.wav", number, chance.randrange(3))
        with suppress(NotFound):
            match chance.randrange(5):
                case 0 | 1 | 2:
                    decided = voicemail.leave(
                        state, owner, f"vmm_{number}", recorded, "a@b.example", at
                    )
                case 3:
                    decided = voicemail.mark(state, owner, id, chance.random() < 0.5, at)
                case _:
                    decided = voicemail.delete(state, owner, id, at)
            for fact in decided:
                voicemail.evolve(state, fact)
            found += decided
    return found


def _recording(call_id: str) -> FlowStepped:
    command = Record(key=f"a/vm/{call_id}.wav", max_ms=1, silence_ms=1, beep=1, voicemail_id="vm_1")
    return _stepped(call_id).model_copy(update={"command": command})


def _bans(chance: random.Random) -> list[Fact]:
    """Nodes ban and let in again, we ban too, operators allow: in any order that comes."""
    found: list[Fact] = []
    for number in range(60):
        ip = f"203.0.113.{chance.randrange(4)}"
        at = Millis(START + number * 10_000)
        about = {"account_id": PLATFORM, "at": at, "ip": ip}
        node = {"node_id": f"edge-{chance.randrange(2)}", "ts": at}
        ban = {"reason": "scan", "hits": number, "first_seen": at}
        until = Millis(at + chance.randrange(1, 90_000))
        found.append(
            chance.choice(
                [
                    BanObserved(**about, **node, **ban),
                    BanExpired(**about, **node),
                    BanImposed(**about, rule="auth_ip", hits=3, expires_at=until),
                    BanLifted(**about, by="key_1"),
                    RangeAllowed(**about, by="key_1", expires_at=until),
                    RangeDisallowed(**about, by="key_1"),
                ]
            )
        )
    return found


def _contacts(chance: random.Random) -> list[Fact]:
    facts: list[Fact] = []
    for number in range(10):
        about: dict[str, Any] = {
            "account_id": ACCOUNT,
            "at": START,
            "user_id": "us_1",
            "device_id": f"dev_{number % 3}",
            "contact": f"sip:1001@192.0.2.{number}",
            "ts": START + number,
        }
        facts.append(ContactRegistered(**about, expires_at=Millis(START + 60_000)))
        if chance.random() < 0.5:
            facts.append(ContactRefreshed(**about, expires_at=Millis(START + 600_000)))
        if chance.random() < 0.5:
            facts.append(ContactQualified(**about, reachable=False))
        if chance.random() < 0.5:
            facts.append(ContactRemoved(**about, reason=RemovalReason.UNREGISTERED))
    return facts


def store_in_pieces(store: PgStore, facts: Sequence[Fact], seed: int) -> Iterator[None]:
    """Append the facts in batches of random size; a pause after each."""
    chance, versions, rest = random.Random(seed), {}, list(facts)  # type: ignore[var-annotated]
    while rest:
        size = chance.randrange(1, 30)
        batch, rest = rest[:size], rest[size:]
        store.append(Append(numbered(*batch, versions=versions), (), EPOCHS))
        yield


def everything(database_url: str, table: str) -> list[str]:
    """All rows of a view as sorted texts."""
    return sorted(str(sorted(row.items())) for row in rows(database_url, table))


def wait_until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not check():
        assert time.monotonic() < deadline, "not within 20 s"
        time.sleep(0.05)


def rows(database_url: str, table: str) -> list[DictRow]:
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        return connection.execute(f"SELECT * FROM views.{table}".encode()).fetchall()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_read_model_equals_its_rebuild_from_the_first_fact(
    store: PgStore, database_url: str, seed: int
) -> None:
    projector = Projector(database_url)
    for _ in store_in_pieces(store, a_life(seed), seed):
        projector.catch_up()
    projector.close()
    tables = [table for projection in CATALOGUE for table in projection.tables]
    before = {table: everything(database_url, table) for table in tables}
    done = rebuild(database_url, CATALOGUE)
    assert [(one.name, one.same) for one in done] == [(p.name, True) for p in CATALOGUE]
    for table in tables:
        assert before[table], f"{table} has no row: the test says nothing"
        assert everything(database_url, table) == before[table], table


def test_a_rebuilt_read_model_takes_the_place_of_the_live_one(
    store: PgStore, database_url: str
) -> None:
    projector = Projector(database_url)
    for _ in store_in_pieces(store, a_life(4), 4):
        projector.catch_up()
    projector.close()
    before = everything(database_url, "call_cdr")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM views.call_cdr WHERE answered = 0")
        connection.execute("UPDATE views.call_cdr SET billsec = 1000000")
    seen: list[Progress] = []
    (done,) = rebuild(database_url, [Cdr], seen.append)
    assert (done.name, done.rows, done.same) == ("cdr", len(before), False)
    assert everything(database_url, "call_cdr") == before
    assert seen[-1].reached == seen[-1].target > 0
    (again,) = rebuild(database_url, [Cdr])
    assert again.same is True


def test_a_rebuild_beside_a_busy_runner_loses_nothing(store: PgStore, database_url: str) -> None:
    """The runner folds on while models are rebuilt, again and again, and stops for none of them."""
    projector, over = Projector(database_url), threading.Event()
    runner = threading.Thread(target=projector.run, args=(over.is_set,))
    runner.start()
    rebuilding: list[bool | None] = []

    def again() -> None:
        while not over.is_set():
            rebuilding.extend(one.same for one in rebuild(database_url, CATALOGUE))

    rebuilder = threading.Thread(target=again)
    rebuilder.start()
    for _ in store_in_pieces(store, a_life(5), 5):
        time.sleep(0.02)
    last = store.last_position()
    wait_until(lambda: all(row["position"] == last for row in rows(database_url, "position")))
    over.set()
    rebuilder.join()
    runner.join()
    projector.close()
    assert len(rebuilding) >= len(CATALOGUE)
    assert set(rebuilding) == {True}
    assert {row["error"] for row in rows(database_url, "position")} == {None}
    assert {one.same for one in rebuild(database_url, CATALOGUE)} == {True}


class Failing(Projection):
    """Stops at its third fact."""

    name = "failing"
    version = 1
    tables = ("failing",)
    ddl = "CREATE TABLE failing (position bigint);"

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        for fact in facts:
            if fact.position >= 3:
                raise ValueError("cannot fold this")
            cursor.execute("INSERT INTO failing VALUES (%s)", (fact.position,))
        return True


def test_a_fold_that_fails_stops_its_projection_and_no_other(
    store: PgStore, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        create_tables(connection, "views", Failing)
    projector = Projector(database_url, [Cdr, Failing])
    versions: dict[str, int] = {}
    for batch in ([routed("a"), routed("b")], [routed("c")], [routed("d")]):
        store.append(Append(numbered(*batch, versions=versions), (), EPOCHS))
        projector.catch_up()
    projector.close()
    assert len(rows(database_url, "call_cdr")) == 4
    assert [row["position"] for row in rows(database_url, "failing")] == [1, 2]
    positions = {row["name"]: row for row in rows(database_url, "position")}
    assert positions["failing"]["position"] == 2
    assert "cannot fold this" in positions["failing"]["error"]
    assert positions["cdr"]["position"] == 4


class Mended(Failing):
    """The same, in a release that can fold it."""

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        for fact in facts:
            cursor.execute("INSERT INTO failing VALUES (%s)", (fact.position,))
        return True


def test_a_projection_that_stopped_is_rebuilt_and_goes_on(
    store: PgStore, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        create_tables(connection, "views", Failing)
    versions: dict[str, int] = {}
    store.append(Append(numbered(*map(routed, "abc"), versions=versions), (), EPOCHS))
    broken = Projector(database_url, [Cdr, Failing])
    broken.catch_up()
    broken.close()
    projector, over = Projector(database_url, [Cdr, Mended]), threading.Event()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE views.position SET error = NULL WHERE name <> 'failing'")
    (done,) = rebuild(database_url, [Mended])
    assert (done.rows, done.same) == (3, None)
    runner = threading.Thread(target=projector.run, args=(over.is_set,))
    runner.start()
    store.append(Append(numbered(routed("d"), versions=versions), (), EPOCHS))
    wait_until(lambda: len(rows(database_url, "failing")) == 4)
    over.set()
    runner.join()
    projector.close()


def test_a_running_runner_takes_back_what_was_rebuilt(store: PgStore, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        create_tables(connection, "views", Failing)
    versions: dict[str, int] = {}
    projector, over = Projector(database_url, [Cdr, Failing]), threading.Event()
    runner = threading.Thread(target=projector.run, args=(over.is_set,))
    runner.start()
    store.append(Append(numbered(*map(routed, "abc"), versions=versions), (), EPOCHS))
    wait_until(lambda: any(row["error"] for row in rows(database_url, "position")))
    (done,) = rebuild(database_url, [Mended])
    assert done.rows == 3
    wait_until(lambda: "failing" in [one.name for one in projector._projections])
    over.set()
    runner.join()
    projector.close()


def test_two_runners_never_fold_the_same_fact(store: PgStore, database_url: str) -> None:
    """The second waits for the lock of the first."""
    first = Projector(database_url)
    first.catch_up()
    with psycopg.connect(database_url, autocommit=True) as connection:
        held = connection.execute("SELECT pg_try_advisory_lock(7223, hashtext('views'))").fetchone()
    assert held == (False,)
    first.close()


def test_a_call_is_answered_whatever_the_order_of_its_batches(
    store: PgStore, database_url: str
) -> None:
    """The same facts in one page or in one page each give the same row."""
    life: list[Fact] = [routed("a"), _ringing("a", START + 100), answered("a"), ended("a")]
    projector = Projector(database_url)
    versions: dict[str, int] = {}
    for fact in life:
        store.append(Append(numbered(fact, versions=versions), (), EPOCHS))
        projector.catch_up()
    projector.close()
    (row,) = rows(database_url, "call_cdr")
    assert row["answered"] == 1
    assert row["disposition"] == Disposition.ANSWERED
    assert row["billsec"] == 5


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_account_is_loaded_as_its_facts_made_it(
    store: PgStore, database_url: str, seed: int
) -> None:
    """Its rows and the published versions of its flows, however far the read model is."""
    made, life = Directory(), a_life(seed)
    projector = Projector(database_url)
    for number, _ in enumerate(store_in_pieces(store, life, seed)):
        if number % 3 == 0:
            projector.catch_up()
    projector.close()
    for fact in life:
        if isinstance(fact, Created | Changed | Deleted):
            directory.evolve(made, fact)
    loaded = store.directory(ACCOUNT)
    assert loaded == made
    assert any(len(versions) > 1 for versions in loaded.published.values())
