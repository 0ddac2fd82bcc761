"""Channels of an account (CAC, spec 06): all dimensions of a call are taken at once or none.

Guarantees: a counter is the number of open calls that hold the channel; at admission it is within
its limit; a call gives back exactly what it took, once, however often its end is reported. What the
legs hold that a flow dials for a call is part of what the call holds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, assert_never

from domain import spending, tolls, windows
from domain.spending import Spending
from domain.tolls import Tolls
from domain.windows import Windows
from events.base import AccountId, CallId, Millis
from events.call import Direction
from events.capacity import (
    ChannelsReleased,
    ChannelsTaken,
    Count,
    Hold,
    LegsHeld,
    LimitExceeded,
    ReleaseReason,
    TollFraudSuspected,
)

CapacityFact = ChannelsTaken | LegsHeld | ChannelsReleased | LimitExceeded | TollFraudSuspected


class Limit(NamedTuple):
    """A channel that a call needs, and how many of them there are (None: any number)."""

    hold: Hold
    maximum: int | None


class Exhausted(NamedTuple):
    """Which limit refused a call, and how much of it was in use."""

    limit: Limit
    used: int


@dataclass(slots=True)
class Admission:
    """An open call and what it holds."""

    call_id: CallId
    direction: Direction
    from_number: str
    to_number: str
    since: Millis
    holds: tuple[Hold, ...]
    node_id: str | None = None
    legs: tuple[Hold, ...] = ()
    """What its legs hold now."""

    @property
    def all_holds(self) -> dict[Hold, None]:
        """A call holds a channel once, whatever needs it."""
        return dict.fromkeys((*self.holds, *self.legs))


@dataclass(slots=True)
class Capacity:
    open: dict[CallId, Admission] = field(default_factory=dict)
    """In the order of admission."""
    holders: dict[Hold, set[CallId]] = field(default_factory=dict)
    windows: Windows = field(default_factory=dict)
    tolls: Tolls = field(default_factory=Tolls)
    spending: Spending = field(default_factory=Spending)


def used(state: Capacity, hold: Hold) -> int:
    return len(state.holders.get(hold, ()))


def size_of(state: Capacity) -> int:
    """Open calls and counted starts: what a snapshot has to hold."""
    return len(state.open) + sum(len(starts.at) for starts in state.windows.values())


def is_lost(state: Capacity, call_id: CallId, node_id: str, ts: Millis) -> bool:
    """Whether an open call of this node, which has no such call at `ts`, must be over: unless it
    was admitted at that moment or later."""
    admission = state.open.get(call_id)
    return admission is not None and admission.node_id == node_id and admission.since < ts


# Decisions


def exhausted(state: Capacity, call_id: CallId, limits: Iterable[Limit]) -> Exhausted | None:
    """The first limit that has no channel left for `call_id`."""
    for limit in limits:
        if limit.maximum is None:
            continue
        holders = state.holders.get(limit.hold, ())
        if len(holders) >= limit.maximum and call_id not in holders:
            return Exhausted(limit, len(holders))
    return None


def take(
    state: Capacity,
    account_id: AccountId,
    call_id: CallId,
    direction: Direction,
    from_number: str,
    to_number: str,
    holds: Sequence[Hold],
    now: Millis,
    counts: Sequence[Count] = (),
    node_id: str | None = None,
    is_costly: bool = False,
) -> list[ChannelsTaken]:
    """Admit a call that `exhausted` found nothing against. A call is admitted once, and holds a
    channel once, whatever needs it (who calls himself, what goes back to its trunk)."""
    if call_id in state.open:
        return []
    return [
        ChannelsTaken(
            account_id=account_id,
            at=now,
            call_id=call_id,
            counts=tuple(counts),
            node_id=node_id,
            is_costly=is_costly,
            direction=direction,
            from_number=from_number,
            to_number=to_number,
            holds=tuple(dict.fromkeys(holds)),
        )
    ]


def hold_legs(
    state: Capacity,
    account_id: AccountId,
    call_id: CallId,
    holds: Iterable[Hold],
    now: Millis,
    counts: Sequence[Count] = (),
    is_costly: bool = False,
) -> list[LegsHeld]:
    """The legs of a call hold these now; nothing when they did before and none begins. The legs of
    a call that holds nothing itself (any more) hold nothing."""
    admission = state.open.get(call_id)
    wanted = tuple(dict.fromkeys(holds)) if admission else ()
    known = admission.legs if admission else ()
    if set(wanted) == set(known) and not counts and not is_costly:
        return []
    return [
        LegsHeld(
            account_id=account_id,
            at=now,
            call_id=call_id,
            holds=wanted,
            counts=tuple(counts),
            is_costly=is_costly,
        )
    ]


def release(
    state: Capacity,
    account_id: AccountId,
    call_id: CallId,
    reason: ReleaseReason,
    now: Millis,
    costly_micros: int = 0,
) -> list[ChannelsReleased]:
    """Give back what `call_id` holds; nothing when it holds nothing (any more)."""
    if call_id not in state.open:
        return []
    return [
        ChannelsReleased(
            account_id=account_id,
            at=now,
            call_id=call_id,
            reason=reason,
            costly_micros=costly_micros,
        )
    ]


# Evolve


def evolve(state: Capacity, fact: CapacityFact) -> Capacity:
    match fact:
        case ChannelsTaken():
            state.open[fact.call_id] = Admission(
                fact.call_id,
                fact.direction,
                fact.from_number,
                fact.to_number,
                fact.at,
                fact.holds,
                fact.node_id,
            )
            _hold(state, fact.call_id, fact.holds)
            _count(state, fact)
        case LegsHeld():
            if admission := state.open.get(fact.call_id):
                after = replace(admission, legs=fact.holds)
                state.open[fact.call_id] = after
                _let_go(state, fact.call_id, admission.all_holds.keys() - after.all_holds.keys())
                _hold(state, fact.call_id, fact.holds)
            _count(state, fact)
        case ChannelsReleased():
            if admission := state.open.pop(fact.call_id, None):
                _let_go(state, fact.call_id, admission.all_holds)
            if fact.costly_micros:
                spending.add(state.spending, fact.at, fact.costly_micros)
        case TollFraudSuspected():
            if fact.spent_micros is None:
                state.tolls.alarmed = True
            else:
                state.spending.alarmed = True
        case LimitExceeded():
            pass  # the start that exceeded it is counted already
        case _:
            assert_never(fact)
    return state


def _hold(state: Capacity, call_id: CallId, holds: Iterable[Hold]) -> None:
    for hold in holds:
        state.holders.setdefault(hold, set()).add(call_id)


def _let_go(state: Capacity, call_id: CallId, holds: Iterable[Hold]) -> None:
    for hold in holds:
        holders = state.holders[hold]
        holders.discard(call_id)
        if not holders:
            del state.holders[hold]


def _count(state: Capacity, fact: ChannelsTaken | LegsHeld) -> None:
    if fact.counts:
        windows.count(state.windows, fact.counts, fact.at)
    if fact.is_costly:
        tolls.add(state.tolls, fact.at)


# Fold


def restored(
    admissions: Iterable[Admission],
    counted: Windows | None = None,
    costly: Tolls | None = None,
    spent: Spending | None = None,
) -> Capacity:
    """The state with exactly these (a snapshot holds nothing else)."""
    state = Capacity(windows=counted or {}, tolls=costly or Tolls(), spending=spent or Spending())
    for admission in admissions:
        state.open[admission.call_id] = admission
        _hold(state, admission.call_id, admission.all_holds)
    return state
