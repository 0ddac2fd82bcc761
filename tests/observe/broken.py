"""Faults on purpose, and what the log says of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from tests.support.system import System


@contextmanager
def broken(system: System, table: str) -> Iterator[None]:
    """Queries of `table` fail in a way that nobody expects. Nothing may write to it meanwhile."""
    name = table.partition(".")[2]
    with system.database() as database:
        database.execute(f"ALTER TABLE {table} RENAME TO {name}_gone".encode())
        try:
            yield
        finally:
            database.execute(f"ALTER TABLE {table}_gone RENAME TO {name}".encode())


def lines_of(system: System) -> list[dict[str, Any]]:
    """The lines of a log in JSON. Raises if one is not an object."""
    lines: list[dict[str, Any]] = [
        orjson.loads(line) for line in system.log.read_bytes().splitlines()
    ]
    assert all(isinstance(line, dict) for line in lines)
    return lines
