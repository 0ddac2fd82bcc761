"""Fixtures: somebody who takes webhooks."""

from collections.abc import Iterator

import pytest

from tests.support.sink import Sink, sink


@pytest.fixture
def endpoint() -> Iterator[Sink]:
    with sink() as made:
        yield made
