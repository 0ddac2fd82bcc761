"""Whatever happens in whatever order: counters are the open calls that hold the channel."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from commands import snapshots
from domain import capacity
from domain.capacity import Capacity, Limit
from events.base import CallId, Millis
from events.call import Direction
from events.capacity import (
    ChannelsReleased,
    ChannelsTaken,
    Dimension,
    Hold,
    LegsHeld,
    ReleaseReason,
)
from tests.support.given import ACCOUNT, CAPACITY, NOW, given, property_of

MAXIMUM = {
    Hold(Dimension.ACCOUNT_IN, ACCOUNT): 3,
    Hold(Dimension.DID, "did_1"): 2,
    Hold(Dimension.TRUNK, "tr_1"): 1,
    Hold(Dimension.USER, "us_1"): None,
}
CALLS = st.sampled_from([CallId(f"call-{number}") for number in range(6)])
HOLDS = st.lists(st.sampled_from(list(MAXIMUM)), unique=True)


class Channels(RuleBasedStateMachine):
    """Calls are routed and ended, again and again; `held` is what a child would count."""

    def __init__(self) -> None:
        super().__init__()
        self.state = Capacity()
        self.facts: list[ChannelsTaken | LegsHeld | ChannelsReleased] = []
        self.own: dict[CallId, set[Hold]] = {}
        self.legs: dict[CallId, set[Hold]] = {}

    @property
    def held(self) -> dict[CallId, set[Hold]]:
        return {id: own | self.legs.get(id, set()) for id, own in self.own.items()}

    def _apply(self, facts: list[ChannelsTaken] | list[LegsHeld] | list[ChannelsReleased]) -> None:
        for fact in facts:
            self.facts.append(fact)
            capacity.evolve(self.state, fact)

    @rule(call_id=CALLS, holds=HOLDS)
    def route(self, call_id: CallId, holds: list[Hold]) -> None:
        limits = [Limit(hold, MAXIMUM[hold]) for hold in holds]
        full = capacity.exhausted(self.state, call_id, limits)
        others = [held for other, held in self.held.items() if other != call_id]
        is_full = any(
            maximum is not None and sum(hold in held for held in others) >= maximum
            for hold, maximum in limits
            if hold not in self.held.get(call_id, ())
        )
        assert (full is not None) is is_full
        if full is not None:
            return
        now = Millis(NOW + len(self.facts))
        for _ in range(2):
            self._apply(
                capacity.take(self.state, ACCOUNT, call_id, Direction.INBOUND, "1", "2", holds, now)
            )
        self.own.setdefault(call_id, set(holds))

    @rule(call_id=CALLS, holds=HOLDS)
    def dial(self, call_id: CallId, holds: list[Hold]) -> None:
        """The legs of the call hold these now, as far as they are free."""
        limits = [Limit(hold, MAXIMUM[hold]) for hold in holds]
        if capacity.exhausted(self.state, call_id, limits) is not None:
            return
        for _ in range(2):
            before = len(self.facts)
            self._apply(capacity.hold_legs(self.state, ACCOUNT, call_id, holds, NOW))
        assert len(self.facts) == before, "the same again is no news"
        if call_id in self.own:
            self.legs[call_id] = set(holds)

    @rule(call_id=CALLS, times=st.integers(1, 3), reason=st.sampled_from(ReleaseReason))
    def end(self, call_id: CallId, times: int, reason: ReleaseReason) -> None:
        before = len(self.facts)
        for _ in range(times):
            self._apply(capacity.release(self.state, ACCOUNT, call_id, reason, NOW))
        self.legs.pop(call_id, None)
        assert len(self.facts) - before == int(self.own.pop(call_id, None) is not None)

    @rule()
    def load_from_a_snapshot(self) -> None:
        self.state = snapshots.load_capacity(snapshots.dump_capacity(self.state))

    @invariant()
    def a_counter_is_the_number_of_its_holders(self) -> None:
        for hold, maximum in MAXIMUM.items():
            count = sum(hold in held for held in self.held.values())
            assert capacity.used(self.state, hold) == count
            assert maximum is None or count <= maximum

    @invariant()
    def the_holds_of_the_calls_add_up_to_the_counters(self) -> None:
        holds = [hold for admission in self.state.open.values() for hold in admission.all_holds]
        assert len(holds) == sum(len(calls) for calls in self.state.holders.values())

    @invariant()
    def the_history_makes_the_same_state(self) -> None:
        assert given(CAPACITY, *self.facts).state == self.state


TestChannels = Channels.TestCase
TestChannels.settings = property_of(examples=20)
