"""Channels: taken all at once or none, given back once."""

import pytest

from domain import capacity
from domain.capacity import Capacity, Exhausted, Limit
from events.base import CallId, Millis
from events.call import Direction
from events.capacity import ChannelsReleased, ChannelsTaken, Dimension, Hold, ReleaseReason
from tests.support.given import ACCOUNT, CALL_ID, CAPACITY, NOW, given

DID = Hold(Dimension.DID, "did_1")
TRUNK = Hold(Dimension.TRUNK, "tr_1")
OTHER = CallId("another")
LATER = Millis(NOW + 1)


def _taken(call_id: CallId, *holds: Hold) -> ChannelsTaken:
    return ChannelsTaken(
        account_id=ACCOUNT,
        at=NOW,
        call_id=call_id,
        direction=Direction.INBOUND,
        from_number="14155551234",
        to_number="12025550123",
        holds=holds,
    )


def _released(call_id: CallId, reason: ReleaseReason = ReleaseReason.ENDED) -> ChannelsReleased:
    return ChannelsReleased(account_id=ACCOUNT, at=LATER, call_id=call_id, reason=reason)


def _take(state: Capacity) -> list[ChannelsTaken]:
    return capacity.take(
        state,
        ACCOUNT,
        CALL_ID,
        Direction.INBOUND,
        "14155551234",
        "12025550123",
        [DID, TRUNK],
        NOW,
    )


def _release(state: Capacity) -> list[ChannelsReleased]:
    return capacity.release(state, ACCOUNT, CALL_ID, ReleaseReason.ENDED, LATER)


def test_a_call_takes_all_its_channels_in_one_fact() -> None:
    after = given(CAPACITY).when(_take).then(_taken(CALL_ID, DID, TRUNK))
    assert (capacity.used(after.state, DID), capacity.used(after.state, TRUNK)) == (1, 1)


def test_a_call_is_admitted_once() -> None:
    given(CAPACITY, _taken(CALL_ID, DID)).when(_take).then_nothing()


def test_the_end_gives_back_what_was_taken() -> None:
    after = given(CAPACITY, _taken(CALL_ID, DID, TRUNK)).when(_release).then(_released(CALL_ID))
    assert after.state == Capacity()


@pytest.mark.parametrize("reason", ReleaseReason)
def test_a_second_end_gives_back_nothing(reason: ReleaseReason) -> None:
    taken = (_taken(CALL_ID, DID), _taken(OTHER, DID))
    after = given(CAPACITY, *taken, _released(CALL_ID, reason)).when(_release).then_nothing()
    assert capacity.used(after.state, DID) == 1


def test_the_end_of_a_call_that_was_never_admitted_gives_back_nothing() -> None:
    given(CAPACITY, _taken(OTHER, DID)).when(_release).then_nothing()


def test_a_release_twice_in_the_history_does_no_harm() -> None:
    facts = (_taken(OTHER, DID), _taken(CALL_ID, DID), _released(CALL_ID), _released(CALL_ID))
    assert capacity.used(given(CAPACITY, *facts).state, DID) == 1


def test_the_first_exhausted_limit_is_named_with_its_usage() -> None:
    state = given(CAPACITY, _taken(OTHER, DID, TRUNK)).state
    limits = [Limit(Hold(Dimension.DID, "did_2"), 1), Limit(TRUNK, 1), Limit(DID, 1)]
    assert capacity.exhausted(state, CALL_ID, limits) == Exhausted(Limit(TRUNK, 1), 1)


@pytest.mark.parametrize(("maximum", "is_full"), [(0, True), (1, True), (2, False), (None, False)])
def test_a_limit_is_the_number_of_calls_that_may_hold_it(
    maximum: int | None, is_full: bool
) -> None:
    state = given(CAPACITY, _taken(OTHER, DID)).state
    assert (capacity.exhausted(state, CALL_ID, [Limit(DID, maximum)]) is not None) is is_full


def test_a_call_is_never_in_its_own_way() -> None:
    state = given(CAPACITY, _taken(CALL_ID, DID)).state
    assert capacity.exhausted(state, CALL_ID, [Limit(DID, 1)]) is None
