"""The catalogue: a stored name for every fact, a fact for every stored name."""

import re
from collections.abc import Iterator
from typing import Any

from events.base import PLATFORM, Fact
from events.catalogue import CATALOGUE, NAMES
from tests.events.examples import EXAMPLES

FORM = re.compile(r"(?P<area>[a-z]+)\.(?P<fact>[a-z]+(_[a-z]+)*)\.v[1-9][0-9]*")
STREAMS = {
    "sessions": "session-ses_1",
    "call": "call-call-1@edge",
    "capacity": "capacity-acc_1",
    "presence": "presence-acc_1",
    "acd": "presence-acc_1",
    "bans": "bans-default",
    "dnc": "dnc-acc_1",
    "carrier": "carrier-acme/evt-1",
    "voicemail": "voicemail-vm_1",
    "webhooks": "webhook-wh_1",
}
"""Area → stream of its examples (resources have a stream per row and per name)."""


def _concrete(fact: type[Fact]) -> Iterator[type[Fact]]:
    """The kinds of fact that have none below them."""
    below = [kind for kind in fact.__subclasses__() if kind.__module__.startswith("events.")]
    if fact.__pydantic_generic_metadata__["args"] == (Any,):
        return  # made by a type hint
    if not below:
        yield fact
    for kind in below:
        yield from _concrete(kind)


def test_a_name_says_area_fact_and_version() -> None:
    for name, fact in CATALOGUE.items():
        found = FORM.fullmatch(name)
        assert found is not None, name
        assert fact.__module__ == f"events.{found['area']}"


def test_a_name_leads_to_one_fact_and_a_fact_to_one_name() -> None:
    assert len(NAMES) == len(CATALOGUE)
    assert all(CATALOGUE[name] is fact for fact, name in NAMES.items())


def test_no_fact_lacks_a_name() -> None:
    assert set(_concrete(Fact)) == set(NAMES)


def _stream_of(name: str) -> str:
    area, fact, _ = name.split(".")
    if area == "resources":
        kind = fact.rpartition("_")[0]
        return "claim-e164-12025550123" if kind == "name" else f"{kind}_1"
    return STREAMS[area]


def test_a_fact_knows_its_stream() -> None:
    for fact in EXAMPLES:
        assert fact.stream == _stream_of(NAMES[type(fact)])


def test_facts_of_a_defence_belong_to_the_platform() -> None:
    of_bans = [fact for fact in EXAMPLES if NAMES[type(fact)].startswith("bans.")]
    assert {fact.account_id for fact in of_bans} == {PLATFORM}
