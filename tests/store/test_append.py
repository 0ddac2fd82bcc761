"""The append: one transaction, fenced by epochs, guarded by versions, in one global order."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.rows import dict_row

from commands.partitions import partition_of
from commands.snapshots import CAPACITY, dump_capacity
from commands.store import (
    Append,
    BadFact,
    Fenced,
    Numbered,
    Recorded,
    Snapshot,
    StoreDown,
    VersionConflict,
)
from domain import capacity
from domain.capacity import Capacity
from events.base import StreamName
from gateways.store.codec import FactMapper
from gateways.store.events import PgStore
from gateways.store.keys import Keyring
from gateways.store.recorder import Datastore, EventRecorder
from tests.support.facts import ACCOUNT, append, ended, numbered, routed, taken

PARTITION = partition_of(ACCOUNT)
KEY = Keyring.of(b"k" * 32)
MAPPER = FactMapper()


@pytest.fixture
def store(database_url: str) -> Iterator[PgStore]:
    made = PgStore(database_url, KEY)
    yield made
    made.close()


def owned(store: PgStore, owner: str = "one") -> dict[int, int]:
    return store.claim([PARTITION], owner)


def streams(database_url: str) -> list[tuple[str, int]]:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT originator_id, originator_version FROM events.stored_events"
            " ORDER BY notification_id"
        ).fetchall()
    return [(row[0], row[1]) for row in rows]


def test_facts_of_several_streams_are_stored_in_the_order_given(
    store: PgStore, database_url: str
) -> None:
    epochs = owned(store)
    position = store.append(append(routed("a"), taken("a"), routed("b"), taken("b"), epochs=epochs))
    assert streams(database_url) == [
        ("call-a", 1),
        (f"capacity-{ACCOUNT}", 1),
        ("call-b", 1),
        (f"capacity-{ACCOUNT}", 2),
    ]
    assert position == store.last_position()


def test_a_version_that_exists_refuses_the_whole_batch(store: PgStore, database_url: str) -> None:
    epochs = owned(store)
    store.append(append(routed("a"), epochs=epochs))
    with pytest.raises(VersionConflict):
        store.append(append(routed("b"), routed("a"), epochs=epochs))
    assert streams(database_url) == [("call-a", 1)]


def test_an_older_epoch_is_fenced_off(store: PgStore, database_url: str) -> None:
    old = owned(store)
    owned(store, "two")
    with pytest.raises(Fenced) as refused:
        store.append(append(routed("a"), epochs=old))
    assert refused.value.partitions == [PARTITION]
    assert streams(database_url) == []


def test_a_take_over_ends_the_session_of_the_owner_before(
    store: PgStore, database_url: str
) -> None:
    old = owned(store)
    newer = PgStore(database_url, KEY)
    new = owned(newer, "two")
    with pytest.raises(StoreDown):
        store.append(append(routed("a"), epochs=old))
    newer.append(append(routed("b"), epochs=new))
    newer.close()
    assert streams(database_url) == [("call-b", 1)]


def test_a_partition_that_was_given_back_is_taken_without_ending_a_session(
    store: PgStore, database_url: str
) -> None:
    other = partition_of(ACCOUNT) ^ 1
    epochs = store.claim([PARTITION, other], "one")
    store.release([other])
    newer = PgStore(database_url, KEY)
    newer.claim([other], "two")
    newer.close()
    store.append(append(routed("a"), epochs={PARTITION: epochs[PARTITION]}))
    assert streams(database_url) == [("call-a", 1)]


def test_a_command_id_counts_once(store: PgStore, database_url: str) -> None:
    epochs = owned(store)
    recorded = (Recorded("c1", b'{"ok":1}'),)
    store.append(Append(numbered(routed("a")), recorded, epochs))
    with pytest.raises(VersionConflict):
        store.append(Append(numbered(routed("b")), recorded, epochs))
    assert store.reply_to("c1") == b'{"ok":1}'
    assert store.reply_to("c2") is None
    assert streams(database_url) == [("call-a", 1)]


def test_text_that_postgresql_cannot_hold_is_a_bad_fact(store: PgStore, database_url: str) -> None:
    epochs = owned(store)
    bad = Numbered(StreamName("call-a\0b"), 1, routed("a"))
    with pytest.raises(BadFact):
        store.append(Append([bad], (), epochs))
    store.append(append(routed("a"), epochs=epochs))
    assert streams(database_url) == [("call-a", 1)]


def test_nothing_can_be_appended_without_a_session_that_claimed(store: PgStore) -> None:
    with pytest.raises(StoreDown):
        store.append(append(routed("a"), epochs={}))


def test_a_reader_that_tails_the_positions_misses_nothing(database_url: str) -> None:
    """Two writers at once: a position that becomes visible is never followed by a smaller one."""
    datastore = Datastore(database_url, pool_size=1)
    reader = EventRecorder(datastore)
    done = threading.Event()
    seen: list[int] = []

    def tail() -> None:
        last = 0
        while True:
            finished = done.is_set()
            page = reader.select_notifications(last, 1000, inclusive_of_start=False)
            seen.extend(notification.id for notification in page)
            last = page[-1].id if page else last
            if finished and not page:
                return

    def write(writer: int) -> int:
        with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
            for batch in range(150):
                facts = [routed(f"{writer}-{batch}-{number}") for number in range(20)]
                reader.insert_events(
                    [MAPPER.to_stored_event(fact) for fact in numbered(*facts)],
                    connection=connection,
                )
        return 150 * 20

    with ThreadPoolExecutor(4) as pool:
        tailing = pool.submit(tail)
        written = sum(pool.map(write, range(2)))
        done.set()
        tailing.result(30)
    datastore.close()
    assert len(seen) == written
    assert seen == sorted(set(seen))


def test_a_stream_is_read_from_its_newest_snapshot_on(store: PgStore) -> None:

    epochs = owned(store)
    facts = [taken("a"), taken("b")]
    store.append(append(*facts, epochs=epochs))
    state = Capacity()
    for fact in facts:
        capacity.evolve(state, fact)
    stream = facts[0].stream
    store.save_snapshot(Snapshot(stream, 1, CAPACITY, b"[]"))
    store.save_snapshot(Snapshot(stream, 2, CAPACITY, dump_capacity(state)))
    store.append(Append([Numbered(stream, 3, taken("c"))], (), epochs))
    history = store.history(stream)
    assert history.snapshot is not None
    assert history.snapshot.version == 2
    assert [fact.call_id for fact in history.facts if hasattr(fact, "call_id")] == ["c"]


def test_a_snapshot_of_a_shape_that_is_not_known_is_ignored(store: PgStore) -> None:
    epochs = owned(store)
    store.append(append(taken("a"), epochs=epochs))
    store.save_snapshot(Snapshot(taken("a").stream, 1, "capacity.state.v0", b"?"))
    history = store.history(taken("a").stream)
    assert history.snapshot is None
    assert len(history.facts) == 1


def test_an_ended_call_is_read_whole(store: PgStore) -> None:
    epochs = owned(store)
    facts = [routed("a"), ended("a")]
    store.append(append(*facts, epochs=epochs))
    assert list(store.history(facts[0].stream).facts) == facts
