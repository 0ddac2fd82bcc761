"""A node's list of its calls: what it may end, and what not."""

import pytest

from domain import capacity
from events.base import CallId, Millis
from events.call import Direction
from events.capacity import ChannelsTaken
from tests.support.given import ACCOUNT, CALL_ID, CAPACITY, NOW, given

OTHER = CallId("another")


def _taken(call_id: CallId, node_id: str | None) -> ChannelsTaken:
    return ChannelsTaken(
        account_id=ACCOUNT,
        at=NOW,
        call_id=call_id,
        direction=Direction.INBOUND,
        from_number="14155551234",
        to_number="12025550123",
        holds=(),
        node_id=node_id,
    )


@pytest.mark.parametrize(
    ("node_id", "later", "is_lost"),
    [("edge-1", 1, True), ("edge-2", 1, False), ("edge-1", 0, False), ("edge-1", -1, False)],
    ids=["its own", "another's", "of the same moment", "younger than the list"],
)
def test_a_node_can_only_lose_a_call_that_it_had(node_id: str, later: int, is_lost: bool) -> None:
    state = given(CAPACITY, _taken(CALL_ID, "edge-1"), _taken(OTHER, None)).state
    at = Millis(NOW + later)
    assert capacity.is_lost(state, CALL_ID, node_id, at) is is_lost
    assert not capacity.is_lost(state, OTHER, node_id, at), "nobody knows whose that is"
    assert not capacity.is_lost(state, CallId("never heard of"), node_id, at)
