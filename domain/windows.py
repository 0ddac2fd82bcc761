"""Sliding windows (spec 06): how many calls began in the last so many seconds.

Guarantees: a window holds only starts that are younger than its period, and at most `KEPT` of them;
a window in which nothing counts any more is forgotten, at the latest with the next start that is
counted anywhere after the longest period in use.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from events.base import AccountId, Millis
from events.call import Direction
from events.capacity import Count
from events.resources import CallLimit

KEPT = 100_000
"""Starts that one window remembers: as many as the largest limit (`domain/rules.py`) asks for."""


_DIRECTIONS = {"in": "inbound", "out": "outbound", "dialer": "dialer"}


class Window(NamedTuple):
    """One limit, for one of those it counts."""

    limit_id: str
    scope_id: str


@dataclass(slots=True)
class Starts:
    period: int
    """Milliseconds."""
    at: list[Millis] = field(default_factory=list)
    """Ascending."""


Windows = dict[Window, Starts]
"""In the order of their last starts."""


class Subjects(NamedTuple):
    """Whom a call is about, for limits: none, one or (a caller and a called user) two of each."""

    account_id: AccountId
    users: tuple[str, ...]
    dids: tuple[str, ...]
    numbers: tuple[str, ...]


class Checked(NamedTuple):
    """A limit that a call has to keep to, and how much of it is used."""

    window: Window
    limit: CallLimit
    used: int

    @property
    def is_exceeded(self) -> bool:
        return self.used >= self.limit.max_count


def used(state: Windows, window: Window, period_sec: int, now: Millis) -> int:
    """Starts in the last `period_sec` seconds; one that is exactly so old is over."""
    starts = state.get(window)
    return 0 if starts is None else len(starts.at) - _expired(starts.at, period_sec * 1000, now)


def retry_after(state: Windows, checked: Checked, now: Millis) -> int:
    """Seconds until the window has room for one more."""
    window, limit, _ = checked
    starts = state.get(window)
    if starts is None or limit.max_count == 0:
        return limit.period_sec
    leaves = starts.at[-limit.max_count] + limit.period_sec * 1000
    return max(1, -(-(leaves - now) // 1000))


def check(
    state: Windows,
    limits: Iterable[tuple[str, CallLimit]],
    direction: Direction,
    subjects: Subjects,
    now: Millis,
) -> Iterator[Checked]:
    """Every limit that a call of this direction about these has to keep to."""
    for id, limit in limits:
        if not _is_about(limit, direction):
            continue
        for subject in _counted(limit, subjects):
            window = Window(id, subject)
            yield Checked(window, limit, used(state, window, limit.period_sec, now))


def _is_about(limit: CallLimit, direction: Direction) -> bool:
    return limit.direction == "any" or direction.value == _DIRECTIONS[limit.direction]


def _counted(limit: CallLimit, subjects: Subjects) -> Iterable[str]:
    match limit.scope_kind:
        case "account":
            return (subjects.account_id,)
        case "user":
            found = subjects.users
        case "did":
            found = subjects.dids
        case _:
            found = subjects.numbers
    return found if limit.scope_id is None else tuple(s for s in found if s == limit.scope_id)


def _expired(at: list[Millis], period: int, now: Millis) -> int:
    return bisect_right(at, now - period)


# Evolve


def count(state: Windows, counts: Iterable[Count], at: Millis) -> None:
    """Take a start into account."""
    for limit_id, scope_id, period_sec in counts:
        window = Window(limit_id, scope_id)
        starts = state.pop(window, None) or Starts(0)
        starts.period = period_sec * 1000
        insort(starts.at, at)
        del starts.at[: max(_expired(starts.at, starts.period, at), len(starts.at) - KEPT)]
        state[window] = starts
    _forget_old(state, at)


def _forget_old(state: Windows, now: Millis) -> None:
    while state:
        window, starts = next(iter(state.items()))
        if starts.at and starts.at[-1] + starts.period > now:
            return
        del state[window]
