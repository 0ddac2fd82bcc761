"""Fixtures: a running system per test worker, and servers for tests of single parts."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import servers
from tests.support.system import System, acme, running


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """A running Callplane that all tests of this worker share: each makes an account of its own."""
    with running(webhook_retry_sec="0.2", admin_token="let me in") as system:
        yield system


@pytest.fixture
def account(system: System) -> dict[str, Any]:
    """A fresh account (`tests.support.system.acme`), applied."""
    document = acme()
    system.apply(document)
    return document


@pytest.fixture
def own_system() -> Iterator[System]:
    """A system that this test may break."""
    with running(webhook_retry_sec="0.2") as system:
        yield system


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with servers.postgres() as url:
        yield url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """An empty, migrated database."""
    with servers.database(postgres_url) as url:
        yield url


@pytest.fixture
def nats_url() -> Iterator[str]:
    """An empty NATS server with JetStream."""
    with servers.nats() as url:
        yield url
