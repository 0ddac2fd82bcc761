"""Snapshot and changes make the newest values, wherever one was and for how long."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateways.realtime import journal
from gateways.realtime.frames import place_from
from gateways.realtime.journal import Journal
from tests.support.given import property_of

KEYS = st.sampled_from("abcdef")
VALUES = st.none() | st.integers(0, 2).map(lambda number: {"n": number})
CHANGES = st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=30)


def applied(screen: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    found = {**screen, **values}
    return {key: value for key, value in found.items() if value is not None}


@property_of(examples=200)
@given(changes=CHANGES, takes=st.lists(st.booleans(), min_size=30, max_size=30))
def test_a_screen_that_takes_changes_now_and_then_shows_what_is(
    changes: list[dict[str, Any]], takes: list[bool]
) -> None:
    kept = Journal({"a": {"n": 9}})
    screen, at = dict(kept.values), kept.sequence
    for values, takes_it in zip(changes, takes, strict=False):
        kept.write(values)
        if takes_it:
            screen, at = applied(screen, kept.since(at)), kept.sequence
    assert applied(screen, kept.since(at)) == kept.values


@property_of(examples=50)
@given(changes=CHANGES)
def test_values_as_a_whole_are_changes_too(changes: list[dict[str, Any]]) -> None:
    kept = Journal({})
    for values in changes:
        whole = {key: value for key, value in values.items() if value is not None}
        before = dict(kept.values)
        at = kept.sequence
        kept.replace(whole)
        assert applied(before, kept.since(at)) == kept.values == whole


def test_what_does_not_change_a_value_is_no_change() -> None:
    kept = Journal({"a": {"n": 1}})
    assert not kept.write({"a": {"n": 1}, "b": None})
    assert kept.sequence == 1
    assert kept.since(1) == {}


def test_what_is_gone_is_not_remembered_for_ever() -> None:
    kept = Journal({})
    for number in range(journal.FORGOTTEN + 5):
        kept.write({f"caller:{number}": {"n": 1}})
        kept.write({f"caller:{number}": None})
    assert not kept.knows(3)
    assert kept.knows(kept.sequence - 1)
    assert len(kept.since(kept.sequence - 2 * journal.FORGOTTEN + 10)) <= journal.FORGOTTEN


def test_a_place_is_an_epoch_and_a_number() -> None:
    place = place_from("epoch_1:7")
    assert place is not None
    assert (place.epoch, place.sequence) == ("epoch_1", 7)
    for bad in (None, "", "7", "epoch_1:", "epoch_1:-1", "epoch_1:7x", "e:" + "9" * 30, "e:²"):
        assert place_from(bad) is None
