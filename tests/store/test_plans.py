"""What is asked of tables that only grow is found by their indexes, however much lies there."""

from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from gateways.following import NEWS
from gateways.replay import UP_TO
from projections import signalling

MANY = 10_000
_MESSAGES = """
    INSERT INTO capture.message (call_id, position, ts, at, agent_id, transport, source,
                                 destination, digest, is_cut, text)
    SELECT 'call ' || n / 10, 0, 0, 0, 1, 17, '', '', '', false, repeat('x', 500)
      FROM generate_series(1, %s) AS n"""
_LEGS = """
    INSERT INTO capture.leg SELECT 'leg ' || n, 'call ' || n, 0 FROM generate_series(1, %s) AS n"""
_FACTS = """
    INSERT INTO events.stored_events (originator_id, originator_version, topic, state,
                                      notification_id)
    SELECT 'call-' || n / 10, mod(n, 10), 'a.fact.v1', decode(repeat('00', 500), 'hex'), n
      FROM generate_series(1, %s) AS n"""
_TRACES = "INSERT INTO views.trace SELECT 'call ' || n / 10, n FROM generate_series(1, %s) AS n"
_RESOURCES = """
    INSERT INTO views.resource
    SELECT 'row ' || n, 'account ' || n / 10, 'user', 1, '{}', 0, 0, 0, false
      FROM generate_series(1, %s) AS n"""
_WHOLE = ("Seq Scan", "message_pkey", "stored_events_notification_id_idx")
"""Ways through everything: as it lies, or in the order of arrival."""
_STATEMENTS = {
    "messages": (signalling.SELECT, {"call_id": "call 7", "limit": signalling.MAX_MESSAGES}),
    "news": (NEWS, {"numbers": [0], "calls": ["call 7"], "positions": [0], "messages": [-1]}),
    "history": (
        UP_TO,
        {"streams": ["call-7"], "account_id": "account 7", "last": MANY, "limit": 100_001},
    ),
}


@pytest.fixture
def database(database_url: str) -> Iterator[Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in (_MESSAGES, _LEGS, _FACTS, _TRACES, _RESOURCES):
            connection.execute(statement.encode(), (MANY,))
        connection.execute("ANALYZE")
        yield connection


def plan(database: Connection, statement: str, values: Mapping[str, Any]) -> str:
    found = database.execute(b"EXPLAIN " + statement.encode(), values).fetchall()
    return "\n".join(line for (line,) in found)


def test_no_table_is_read_from_end_to_end(database: Connection) -> None:
    for name, (statement, values) in _STATEMENTS.items():
        found = plan(database, statement, values)
        for whole in _WHOLE:
            assert whole not in found, f"{name}:\n{found}"
