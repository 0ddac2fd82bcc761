"""What an edge delivers twice or late does no harm, in this sense:

- Repetition: events of a contact in order, each of them again at any later moment (within the hour
  for which a removal is remembered), end in the same state as without repetitions.
- Order: once a contact is known, refreshes that are facts and one removal among them end in the
  same state in every order, with repetitions.
"""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from domain import presence
from domain.presence import Presence, PresenceFact
from tests.domain.contacts import SLACK, qualify, register, remove
from tests.support.given import property_of

MINUTE = 60_000


class Event(NamedTuple):
    kind: str
    after: int
    """Milliseconds from NOW."""


def _decide(state: Presence, event: Event) -> list[PresenceFact]:
    match event.kind:
        case "register":
            return register(state, event.after)
        case "remove":
            return remove(state, event.after)
        case _:
            return qualify(state, event.kind == "answers", event.after)


def _after(events: list[Event]) -> Presence:
    state = Presence()
    for event in events:
        for fact in _decide(state, event):
            presence.evolve(state, fact)
        assert _decide(state, event) == [], "the same event at once again is no news"
    return state


@st.composite
def _with_repetitions(draw: st.DrawFn, events: list[Event]) -> list[Event]:
    delivered: list[Event] = []
    for number, event in enumerate(events):
        earlier = st.sampled_from(events[: number + 1])
        delivered += [event, *draw(st.lists(earlier, max_size=2))]
    return delivered


_KINDS = st.sampled_from(["register", "remove", "answers", "silent"])
_IN_ORDER = st.lists(_KINDS, min_size=1, max_size=10).map(
    lambda kinds: [Event(kind, number * MINUTE) for number, kind in enumerate(kinds)]
)


@property_of(examples=50)
@given(st.data())
def test_repetitions_change_nothing(data: st.DataObject) -> None:
    events = data.draw(_IN_ORDER)
    assert _after(data.draw(_with_repetitions(events))) == _after(events)


@property_of(examples=50)
@given(st.data())
def test_one_removal_among_refreshes_may_come_in_any_order(data: st.DataObject) -> None:
    known = Event("register", 0)
    later = [Event("register", number * SLACK) for number in range(1, data.draw(st.integers(2, 9)))]
    place = data.draw(st.integers(0, len(later) - 1))
    if data.draw(st.booleans()):
        later[place] = Event("remove", later[place].after)
    shuffled = data.draw(st.permutations(later))
    delivered = data.draw(_with_repetitions([known, *shuffled]))
    assert _after(delivered) == _after([known, *later])
