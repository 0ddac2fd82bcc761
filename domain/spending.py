"""Toll fraud by what is spent (spec 06): costly calls of an hour, against the account's history.

An hour begins with the first costly call that has ended and was paid for. It is measured against
the dearest hour that the account has had, which fades with a half-life of a week; as much as
`FLOOR` calls of that hour have cost on the average is never suspicious. Amounts are millionths of
the currency of the rate plan. Without history there is nothing to measure against.
"""

from dataclasses import dataclass

from domain.rating import MAX_MICROS
from domain.tolls import FACTOR, FLOOR, HALF_LIFE, HOUR
from events.base import Millis


@dataclass(slots=True)
class Spending:
    since: Millis = Millis(0)
    """When the hour that is counted began."""
    spent: int = 0
    calls: int = 0
    peak: float = 0.0
    """The dearest hour before that one, faded as of `since`."""
    price: float = 0.0
    """What a call of that hour has cost on the average."""
    alarmed: bool = False
    """Whether this hour's suspicion is recorded."""


def spent(state: Spending, now: Millis) -> int:
    """What costly calls have cost in the hour that `now` lies in."""
    return state.spent if _is_now(state, now) else 0


def usual(state: Spending, now: Millis) -> int | None:
    """What they may cost in an hour without being suspicious; None: nobody knows."""
    peak, price = _before(state, now)
    return min(MAX_MICROS, int(max(FACTOR * peak, FLOOR * price))) or None


def is_sudden(state: Spending, now: Millis) -> bool:
    """Whether more was spent than the account's history explains."""
    most = usual(state, now)
    return most is not None and spent(state, now) >= most


def is_alarmed(state: Spending, now: Millis) -> bool:
    return state.alarmed and _is_now(state, now)


def _is_now(state: Spending, now: Millis) -> bool:
    return state.calls > 0 and now - state.since < HOUR


def _before(state: Spending, now: Millis) -> tuple[float, float]:
    """Peak and price of the hours before the one that `now` lies in."""
    if _is_now(state, now) or state.calls == 0:
        return state.peak, state.price
    fading = 0.5 ** ((now - state.since) / HALF_LIFE)
    if state.spent < state.peak:
        return state.peak * fading, state.price
    return state.spent * fading, state.spent / state.calls


# Evolve


def add(state: Spending, at: Millis, micros: int) -> None:
    """Take the cost of a call into account that is over."""
    if _is_now(state, at):
        state.spent = min(MAX_MICROS, state.spent + micros)
        state.calls += 1
    else:
        state.peak, state.price = _before(state, at)
        state.since, state.spent, state.calls, state.alarmed = at, micros, 1, False
