"""Toll fraud (spec 06): a sudden rate of costly calls, against the history of the account itself.

An hour begins with its first costly call. Its count is measured against the busiest hour that the
account has had, which fades with a half-life of a week; `FLOOR` calls an hour are never suspicious.
"""

from dataclasses import dataclass

from events.base import Millis

HOUR = 3_600_000
HALF_LIFE = 7 * 24 * HOUR
FACTOR = 4
"""Times the busiest hour so far that an hour may have."""
FLOOR = 20


@dataclass(slots=True)
class Tolls:
    since: Millis = Millis(0)
    """When the hour that is counted began."""
    count: int = 0
    peak: float = 0.0
    """The busiest hour before that one, faded as of `since`."""
    alarmed: bool = False
    """Whether this hour's suspicion is recorded."""


def count(state: Tolls, now: Millis) -> int:
    """Costly calls in the hour that `now` lies in."""
    return state.count if _is_now(state, now) else 0


def usual(state: Tolls, now: Millis) -> int:
    """Costly calls that an hour may have without being suspicious."""
    return max(FLOOR, int(FACTOR * _peak(state, now)))


def is_sudden(state: Tolls, now: Millis) -> bool:
    """Whether one more costly call is more than the account's history explains."""
    return count(state, now) >= usual(state, now)


def is_alarmed(state: Tolls, now: Millis) -> bool:
    return state.alarmed and _is_now(state, now)


def _is_now(state: Tolls, now: Millis) -> bool:
    return state.count > 0 and now - state.since < HOUR


def _peak(state: Tolls, now: Millis) -> float:
    if _is_now(state, now) or state.count == 0:
        return state.peak
    return float(max(state.peak, state.count) * 0.5 ** ((now - state.since) / HALF_LIFE))


# Evolve


def add(state: Tolls, at: Millis) -> None:
    """Take a costly call into account."""
    if _is_now(state, at):
        state.count += 1
    else:
        state.peak = _peak(state, at)
        state.since, state.count, state.alarmed = at, 1, False
