"""PostgreSQL and NATS for tests of single parts: a database or a server per test."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

from deploy.embedded import Nats, Postgres
from gateways.store.migrate import migrate

_numbers = count(1)


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder that PostgreSQL's user can reach."""
    made = Path(tempfile.mkdtemp(prefix="callplane-test-"))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[str]:
    """A server with a migrated template database; yields its URL."""
    with folder() as home:
        server = Postgres(home)
        running = server.start()
        try:
            migrate(server.url)
            yield server.url
        finally:
            running.stop()


@contextmanager
def database(template_url: str) -> Iterator[str]:
    """A fresh copy of the migrated database."""
    name = f"test_{next(_numbers)}"
    admin = template_url.replace("/callplane?", "/postgres?")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE callplane".encode())
    yield template_url.replace("/callplane?", f"/{name}?")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def nats() -> Iterator[str]:
    """An empty NATS server; yields its URL."""
    with folder() as home:
        server = Nats(home)
        running = server.start()
        try:
            yield server.url
        finally:
            running.stop()
