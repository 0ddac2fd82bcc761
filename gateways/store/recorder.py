"""The eventsourcing library's PostgreSQL recorder, with our append and our connection.

What differs from the library's own: facts of many streams go in with one `unnest` instead of
composite rows; lock, fence, command ids and notify travel in the same round trip
(`events.append`, see `migrations/0001_events.sql`); a lost connection is not retried here,
because the session that comes after it holds no partition.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from eventsourcing import persistence
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg import Connection
from psycopg.rows import DictRow

from commands.store import BadFact, Fenced, Recorded, StoreDown, VersionConflict
from gateways.store.connections import Connections

SCHEMA = "events"
AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    persistence.OperationalError,
    persistence.InterfaceError,
)
"""How psycopg and the library say that the server is not there."""
_APPEND = (
    "SELECT events.append(%b::int[], %b::bigint[], %b::text[], %b::bigint[], %b::text[],"
    " %b::bytea[], %b::text[], %b::bytea[]) AS last"
)


class Datastore(PostgresDatastore):
    """The library's datastore on a connection string of any form, with our connections."""

    def __init__(self, url: str, pool_size: int) -> None:
        super().__init__("", "", "", "", "", schema=SCHEMA, originator_id_type="text")
        self.connections = Connections(url, pool_size, _configure)
        self.pool = self.connections  # type: ignore[assignment]


def _configure(connection: Connection[Any]) -> None:
    connection.execute("SET lock_timeout = '5s'")


class EventRecorder(PostgresApplicationRecorder):
    """Stored events. `insert_events` takes the fence and the command ids beside the events."""

    def __init__(self, datastore: Datastore) -> None:
        super().__init__(datastore, events_table_name="stored_events")
        self._connections = datastore.connections

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        epochs: Mapping[int, int] | None = None,
        recorded: Sequence[Recorded] = (),
        connection: Connection[DictRow] | None = None,
        **_: Any,
    ) -> Sequence[int]:
        """Append in one transaction and round trip; returns the position of the last event.

        Raises VersionConflict, Fenced, BadFact (nothing was written) or StoreDown (unknown).
        """
        epochs = epochs or {}
        arguments = (
            list(epochs.keys()),
            list(epochs.values()),
            [event.originator_id for event in stored_events],
            [event.originator_version for event in stored_events],
            [event.topic for event in stored_events],
            [event.state for event in stored_events],
            [one.command_id for one in recorded],
            [one.reply for one in recorded],
        )
        with translated():
            if connection is not None:
                row = connection.execute(_APPEND, arguments, prepare=True).fetchone()
            else:
                with self._connections.connection() as own:
                    row = own.execute(_APPEND, arguments, prepare=True).fetchone()
        assert row is not None, "a function returns one row"
        return [row["last"]]


@contextmanager
def translated() -> Iterator[None]:
    """What PostgreSQL says, in the words of `commands/store.py`."""
    try:
        yield
    except psycopg.errors.UniqueViolation as error:
        raise VersionConflict(str(error)) from error
    except (psycopg.DataError, UnicodeError) as error:
        raise BadFact(str(error)) from error
    except AWAY as error:
        raise StoreDown(str(error)) from error
    except psycopg.DatabaseError as error:
        if error.sqlstate != "CP001":
            raise
        stale = [int(partition) for partition in (error.diag.message_detail or "").split(",")]
        raise Fenced(stale) from error
