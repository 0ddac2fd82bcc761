"""The book of requests with an Idempotency-Key: who carries one out, and for how long it knows."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest

from domain.errors import Conflict
from gateways.draw import Draw
from gateways.problems import InFlight, Unprocessable
from gateways.store.connections import Connections
from gateways.store.keys import Keyring
from gateways.store.requests import PAGE, Name, Requests
from gateways.store.secrets import Vault

ASKED = (b"/v1/users", b'{"username": "1001"}')
ELSE = (b"/v1/users", b'{"username": "1002"}')
NAME = Name("acc_1", "key_1", "k")


class Book:
    """The book as two gateways share it, and time that passes when it is told to."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pool = Connections(url, 2)
        self.requests = Requests(self.pool, Vault(self.pool, Keyring.of(b"k" * 32)))

    def begin(self, *about: bytes, name: Name = NAME) -> Draw | bytes:
        return asyncio.run(self.requests.begin(name, about))

    def draw(self, *about: bytes) -> Draw:
        begun = self.begin(*about)
        assert isinstance(begun, Draw)
        return begun

    def keep(self, answer: bytes) -> None:
        asyncio.run(self.requests.keep(NAME, answer))

    def release(self) -> None:
        asyncio.run(self.requests.release(NAME))

    def prune(self) -> None:
        async def once() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(self.requests.prune(), 0.5)

        asyncio.run(once())

    def passes(self, interval: str) -> None:
        self.execute(
            "UPDATE idempotency.request SET at = at - %(i)s::interval,"
            " held_until = held_until - %(i)s::interval",
            i=interval,
        )

    def lapses(self, interval: str) -> None:
        """Time passes for who holds it, and the moment when it began is the same."""
        self.execute(
            "UPDATE idempotency.request SET held_until = held_until - %(i)s::interval", i=interval
        )

    def execute(self, statement: str, **values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def count(self) -> object:
        return self.execute("SELECT count(*) FROM idempotency.request")[0][0]


@pytest.fixture
def book(database_url: str) -> Iterator[Book]:
    made = Book(database_url)
    yield made
    made.pool.close()


def test_what_is_under_way_is_nobody_elses(book: Book) -> None:
    book.draw(*ASKED)
    with pytest.raises(InFlight):
        book.begin(*ASKED)
    with pytest.raises(Unprocessable):
        book.begin(*ELSE)
    assert isinstance(book.begin(*ASKED, name=NAME._replace(principal_id="key_2")), Draw)
    assert isinstance(book.begin(*ASKED, name=NAME._replace(account_id="acc_2")), Draw)


def test_what_was_answered_is_the_answer_for_a_day(book: Book) -> None:
    book.draw(*ASKED)
    book.keep(b"answer")
    assert book.begin(*ASKED) == b"answer"
    book.passes("23 hours")
    assert book.begin(*ASKED) == b"answer"
    with pytest.raises(Unprocessable):
        book.begin(*ELSE)
    book.passes("1 hour")
    assert isinstance(book.begin(*ELSE), Draw)


def test_an_answer_is_not_changed_by_one_that_comes_late(book: Book) -> None:
    book.draw(*ASKED)
    book.keep(b"answer")
    book.keep(b"another")
    book.release()
    assert book.begin(*ASKED) == b"answer"


def test_a_key_that_is_free_again_is_free_for_anything(book: Book) -> None:
    first = book.draw(*ASKED)
    book.release()
    second = book.draw(*ASKED)
    assert second == first, "it may have been done after all"
    book.release()
    third = book.draw(*ELSE)
    assert third.id("us") != first.id("us")


def test_after_half_a_minute_another_goes_on_with_the_same_draw(book: Book) -> None:
    first = book.draw(*ASKED)
    book.lapses("29 seconds")
    with pytest.raises(InFlight):
        book.begin(*ASKED)
    book.lapses("1 second")
    with pytest.raises(Unprocessable):
        book.begin(*ELSE)
    second = book.draw(*ASKED)
    assert second == first
    assert second.id("us") == first.id("us") != first.id("did")
    assert second.secret("key") == first.secret("key") != first.secret("webhook")
    assert second.command_id == first.command_id is not None
    with pytest.raises(InFlight):
        book.begin(*ASKED)


def test_after_a_day_everything_is_drawn_anew(book: Book) -> None:
    first = book.draw(*ASKED)
    book.passes("24 hours")
    assert book.draw(*ASKED).secret("key") != first.secret("key")


def test_what_was_sealed_with_another_key_is_not_done_again(book: Book) -> None:
    book.draw(*ASKED)
    book.keep(b"answer")
    book.requests = Requests(book.pool, Vault(book.pool, Keyring.of(b"x" * 32)))
    with pytest.raises(Conflict):
        book.begin(*ASKED)


def test_nothing_that_could_show_a_secret_lies_there_in_clear(book: Book) -> None:
    drawn = book.draw(*ASKED)
    book.keep(b"the key is sk_1")
    ((seed, answer),) = book.execute("SELECT seed, answer FROM idempotency.request")
    assert drawn.seed not in bytes(seed)  # type: ignore[call-overload]
    assert b"sk_1" not in bytes(answer)  # type: ignore[call-overload]


def test_what_is_older_than_a_day_is_forgotten_page_by_page(book: Book) -> None:
    book.draw(*ASKED)
    book.execute(
        "INSERT INTO idempotency.request"
        " SELECT 'acc_2', 'key_2', n::text, '', '', now() - interval '25 hours'"
        " FROM generate_series(1, %(n)s) AS n",
        n=2 * PAGE + 1,
    )
    book.prune()
    assert book.count() == 1


def test_an_id_has_its_time_and_is_a_uuid_of_version_7() -> None:
    early, late = Draw(b"s" * 32, 1_000), Draw(b"s" * 32, 2_000)
    assert early.id("us") < late.id("us")
    assert early.command_id is None
