"""The event store as the command loop sees it (`commands.store.Store`), on PostgreSQL.

Writes go through one session of its own, which holds the advisory locks of the partitions it
claimed. When that session is lost, so are the locks: every append fails with `StoreDown` until
the partitions are claimed again, under new epochs.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg import Connection, Cursor
from psycopg.rows import DictRow, dict_row

from commands.snapshots import NAMES as SNAPSHOT_NAMES
from commands.store import (
    Append,
    BadFact,
    Deadline,
    Fenced,
    History,
    Snapshot,
    StoreDown,
    VersionConflict,
)
from domain import directory
from domain.call import IDLE_BEFORE_ANSWER
from domain.digest import Credential
from domain.directory import Directory, Row
from domain.presence import REFRESH_SLACK
from events.acd import AgentReserved, CallerQueued, ConversationEnded
from events.base import AccountId, CallId, Millis, StreamName
from events.capacity import ChannelsTaken
from events.catalogue import CATALOGUE
from events.presence import ContactRefreshed, ContactRegistered
from events.resources import KINDS, CallFlow, Changed, Created, Deleted, ResourceFact
from gateways import metrics
from gateways.store.codec import FactMapper, decode, positioned
from gateways.store.keys import Keyring
from gateways.store.recorder import Datastore, EventRecorder, translated
from gateways.store.secrets import Vault
from projections import directory as directory_view
from projections.base import Positioned

PAGE = 1_000

_REASONS: dict[type[Exception], str] = {
    VersionConflict: "conflict",
    Fenced: "fenced",
    BadFact: "bad",
    StoreDown: "away",
}
_RESOURCE_TOPICS = [name for name, fact in CATALOGUE.items() if issubclass(fact, ResourceFact)]
_DEADLINE_TOPICS = [
    *("capacity.taken.v1", "presence.registered.v1", "presence.refreshed.v1"),
    *("acd.caller_queued.v1", "acd.agent_reserved.v1", "acd.conversation_ended.v1"),
]


class PgStore:
    def __init__(self, url: str, keyring: Keyring) -> None:
        self._url = url
        self._datastore = Datastore(url, pool_size=3)
        self._recorder = EventRecorder(self._datastore)
        self._mapper = FactMapper()
        self._vault = Vault(self._datastore.connections, keyring)
        self._writer: Connection[DictRow] | None = None

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._datastore.close()

    # Ownership

    def claim(self, partitions: Sequence[int], owner: str) -> dict[int, int]:
        """Take partitions over; returns the new epoch of each. Ends a session that still has
        them."""
        with translated():
            if self._writer is None or self._writer.closed:
                self._writer = psycopg.connect(
                    self._url, autocommit=True, row_factory=dict_row, connect_timeout=5
                )
                self._writer.execute("SET lock_timeout = '5s'")
            rows = self._writer.execute(
                "SELECT * FROM events.claim(%s::int[], %s)", (list(partitions), owner)
            ).fetchall()
        return {row["partition"]: row["epoch"] for row in rows}

    def release(self, partitions: Iterable[int]) -> None:
        """Give the session locks back, so that the next owner need not end this session."""
        if self._writer is None or self._writer.closed:
            return
        with translated():
            self._writer.execute(
                "SELECT pg_advisory_unlock(7222, p) FROM unnest(%s::int[]) AS p",
                (list(partitions),),
            )

    def last_position(self) -> int:
        with self._connection() as connection:
            row = connection.execute(
                "SELECT coalesce(max(notification_id), 0) AS last FROM events.stored_events"
            ).fetchone()
        assert row is not None
        return int(row["last"])

    def deadlines(self) -> list[Deadline]:
        """Of all that is open, of all accounts. May hold some that were met meanwhile."""
        with self._at_one_moment() as cursor:
            calls = cursor.execute(
                "SELECT account_id, call_id, since FROM views.channel"
            ).fetchall()
            contacts = cursor.execute("SELECT account_id, expires_at FROM views.contact").fetchall()
            floors = cursor.execute(
                "SELECT account_id FROM views.agent WHERE state IN ('offering', 'wrap_up')"
                " UNION SELECT account_id FROM views.queue_cdr WHERE disposition = 'offered'"
            ).fetchall()
            row = cursor.execute(
                "SELECT min(position) AS position FROM views.position"
                " WHERE name IN ('channels', 'roster', 'agents', 'queues')"
            ).fetchone()
        assert row is not None
        found = [
            _call_deadline(AccountId(r["account_id"]), r["call_id"], r["since"]) for r in calls
        ]
        found += [_contact_deadline(AccountId(r["account_id"]), r["expires_at"]) for r in contacts]
        found += [_floor_deadline(AccountId(r["account_id"])) for r in floors]
        for item in self._after(row["position"], _DEADLINE_TOPICS):
            match item.fact:
                case ChannelsTaken() as taken:
                    found.append(_call_deadline(taken.account_id, taken.call_id, taken.at))
                case ContactRegistered() | ContactRefreshed() as seen:
                    found.append(_contact_deadline(seen.account_id, seen.expires_at))
                case CallerQueued() | AgentReserved() | ConversationEnded() as begun:
                    found.append(_floor_deadline(begun.account_id))
        return found

    # commands.store.Store

    def append(self, append: Append) -> int:
        writer = self._writer
        if writer is None or writer.closed:
            raise StoreDown("no session that holds the partitions")
        events = [self._mapper.to_stored_event(numbered) for numbered in append.facts]
        if append.origins:
            events = _marked(events, append.origins)
        began = time.perf_counter()
        try:
            (position,) = self._recorder.insert_events(
                events, epochs=append.epochs, recorded=append.recorded, connection=writer
            )
        except tuple(_REASONS) as error:
            metrics.APPENDS_REFUSED.labels(_REASONS[type(error)]).inc()
            raise
        metrics.COMMIT_SECONDS.observe(time.perf_counter() - began)
        return position

    def reply_to(self, command_id: str) -> bytes | None:
        with self._connection() as connection:
            row = connection.execute(
                "SELECT reply FROM events.commands WHERE command_id = %s", (command_id,)
            ).fetchone()
        return None if row is None else bytes(row["reply"])

    def history(self, stream: StreamName) -> History:
        snapshot = self._snapshot(stream)
        with translated():
            events = self._recorder.select_events(stream, gt=snapshot.version if snapshot else None)
        return History(snapshot, [decode(event.topic, event.state) for event in events])

    def directory(self, account_id: AccountId) -> Directory:
        """The rows as the read model has them, and every fact that it has not seen yet."""
        with self._at_one_moment() as cursor:
            rows = directory_view.rows_of_account(cursor, account_id)
            flows = directory_view.flow_versions(cursor, account_id, directory.KEPT_VERSIONS)
            seen = cursor.execute(
                "SELECT position FROM views.position WHERE name = 'directory'"
            ).fetchone()
        assert seen is not None, "the read model exists since the migration"
        state = directory.restored(
            [row_of(row) for row in rows if not row["deleted"]],
            {row["id"]: row["version"] for row in rows if row["deleted"]},
            [(row["flow_id"], CallFlow.model_validate(row["body"])) for row in flows],
        )
        for item in self._after(seen["position"], _RESOURCE_TOPICS):
            if item.fact.account_id == account_id:
                assert isinstance(item.fact, Created | Changed | Deleted)
                directory.evolve(state, item.fact)
        return state

    def credential(self, ref: str) -> Credential | None:
        with translated():
            return self._vault.credential(ref)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keeps only the newest."""
        with self._connection() as connection, connection.transaction():
            connection.execute(
                "INSERT INTO events.snapshots VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (snapshot.stream, snapshot.version, snapshot.name, snapshot.state),
            )
            connection.execute(
                "DELETE FROM events.snapshots WHERE originator_id = %s AND originator_version < %s",
                (snapshot.stream, snapshot.version),
            )

    def forget_old_commands(self, hours: int = 25) -> None:
        """Command ids are kept for a day (spec 07, Idempotency-Key)."""
        with self._connection() as connection:
            connection.execute(
                "DELETE FROM events.commands WHERE at < now() - make_interval(hours => %s)",
                (hours,),
            )

    @contextmanager
    def _connection(self) -> Iterator[Connection[DictRow]]:
        with translated(), self._datastore.connections.connection() as connection:
            yield connection

    @contextmanager
    def _at_one_moment(self) -> Iterator[Cursor[DictRow]]:
        """Several queries on the same state of the database."""
        with self._connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            with connection.cursor() as cursor:
                yield cursor

    def _snapshot(self, stream: StreamName) -> Snapshot | None:
        with self._connection() as connection:
            row = connection.execute(
                "SELECT * FROM events.snapshots WHERE originator_id = %s AND topic = ANY(%s)"
                " ORDER BY originator_version DESC LIMIT 1",
                (stream, list(SNAPSHOT_NAMES)),
            ).fetchone()
        if row is None:
            return None
        return Snapshot(stream, row["originator_version"], row["topic"], bytes(row["state"]))

    def _after(self, position: int, topics: list[str]) -> Iterable[Positioned]:
        """The facts of these names after `position`, in order."""
        while True:
            with translated():
                page = self._recorder.select_notifications(
                    position, PAGE, topics=topics, inclusive_of_start=False
                )
            yield from map(positioned, page)
            if len(page) < PAGE:
                return
            position = page[-1].id


def _marked(events: Sequence[StoredEvent], origins: Sequence[object]) -> list[StoredEvent]:
    """With what the relay and the projector need to go on with a trace."""
    from gateways.spans import mark

    return [
        replace(event, state=mark(event.state, origin))
        for event, origin in zip(events, origins, strict=True)
    ]


def row_of(row: DictRow) -> Row:
    """A row of the read model as decisions have it."""
    return Row(
        row["id"],
        KINDS[row["kind"]].model_validate(row["body"]),
        row["version"],
        Millis(row["created_at"]),
        Millis(row["updated_at"]),
    )


def _call_deadline(account_id: AccountId, call_id: CallId, since: int) -> Deadline:
    return Deadline(Millis(since + IDLE_BEFORE_ANSWER), account_id, call_id)


def _contact_deadline(account_id: AccountId, expires_at: int) -> Deadline:
    return Deadline(Millis(expires_at + REFRESH_SLACK), account_id, None)


def _floor_deadline(account_id: AccountId) -> Deadline:
    """At once: the first look at a floor finds out when the next one is due."""
    return Deadline(Millis(0), account_id, None, "")
