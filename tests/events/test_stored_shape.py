"""The stored form is a contract with every row ever written: here it is, word for word.

A line of `stored_facts.jsonl` is never edited. A new fact, or a new member of one (with a default),
adds a line; older lines stay, for they are what older releases have written.
"""

from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from events.acd import DeferredEvent, Departure, LeaseEnd
from events.base import Fact
from events.call import DialogEvent, Direction, Disposition
from events.capacity import Dimension, ReleaseReason
from events.carrier import MessageStatus, Port
from events.catalogue import CATALOGUE, NAMES
from events.presence import RemovalReason
from gateways.store.codec import decode, encode
from tests.events.examples import EXAMPLES

STORED: list[dict[str, Any]] = [
    orjson.loads(line)
    for line in Path(__file__).with_name("stored_facts.jsonl").read_text().splitlines()
]
NAMES_OF_EXAMPLES = [NAMES[type(fact)] for fact in EXAMPLES]


WORDS: dict[type[StrEnum], set[str]] = {
    DialogEvent: {"start", "early", "answered", "end"},
    Direction: {"inbound", "outbound", "internal", "unknown"},
    Disposition: {"answered", "no_answer", "busy", "failed", "rejected", "abandoned"},
    Dimension: {"account_in", "account_out", "user", "did", "trunk"},
    ReleaseReason: {"ended", "idle", "lost", "reset"},
    RemovalReason: {"unregistered", "expired"},
    DeferredEvent: {"logout", "pause"},
    Port: {"in", "out"},
    MessageStatus: {"queued", "sent", "delivered", "undelivered", "failed"},
    Departure: {"abandoned", "timeout", "routed", "callback"},
    LeaseEnd: {
        *("no_answer", "busy", "rejected", "unreachable", "expired", "caller_gone", "rescinded")
    },
}
"""The words that facts are written with. Words are added, never taken away."""


def _holds(new: Any, old: Any) -> bool:
    """Whether everything in `old` is in `new`; only members may have come in."""
    match new, old:
        case dict(), dict():
            return all(member in new and _holds(new[member], old[member]) for member in old)
        case list(), list():
            return len(new) == len(old) and all(map(_holds, new, old))
    return bool(new == old)


def _line(fact: Fact) -> dict[str, Any]:
    return {"name": NAMES[type(fact)], "fact": orjson.loads(encode(fact))}


def test_every_fact_of_the_catalogue_has_an_example() -> None:
    assert set(NAMES_OF_EXAMPLES) == set(CATALOGUE)


@pytest.mark.parametrize("fact", EXAMPLES, ids=NAMES_OF_EXAMPLES)
def test_a_fact_is_written_under_its_name_with_its_members(fact: Fact) -> None:
    assert _line(fact) in STORED


@pytest.mark.parametrize("stored", STORED, ids=[stored["name"] for stored in STORED])
def test_what_was_written_once_is_read_for_ever(stored: dict[str, Any]) -> None:
    read = decode(stored["name"], orjson.dumps(stored["fact"]))
    assert _holds(orjson.loads(encode(read)), stored["fact"])


def test_members_that_a_newer_release_has_added_are_ignored() -> None:
    for stored in STORED:
        name, newer = stored["name"], {**stored["fact"], "not_heard_of": {"yet": 1}}
        for part in ("body", "directive", "outcome"):
            if part in newer:
                newer[part] = {**newer[part], "not_heard_of": [1]}
        assert decode(name, orjson.dumps(newer)) == decode(name, orjson.dumps(stored["fact"]))


def test_a_fact_cannot_be_changed() -> None:
    for fact in EXAMPLES:
        for member in type(fact).model_fields:
            with pytest.raises(ValidationError, match="frozen"):
                setattr(fact, member, None)


@pytest.mark.parametrize("enum", WORDS)
def test_the_words_of_stored_facts_are_kept(enum: type[StrEnum]) -> None:
    assert {word.value for word in enum} >= WORDS[enum]
