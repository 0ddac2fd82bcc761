"""Offences on record: each at most once a minute, and only so many of all kinds.

A flood of guesses, from many addresses or with many names, is counted elsewhere
(`domain/detection.py`); what is written of it is bounded here.
"""

from itertools import islice
from typing import NamedTuple

from events.base import Millis

QUIET = 60_000
"""Milliseconds in which the same offence is not recorded again."""
REMEMBERED = 10_000
"""Offences kept in mind; beyond it the oldest is forgotten (and would be recorded again)."""
RECORDED = 600
"""Offences that are recorded within `QUIET`; the others are only counted."""


class Offence(NamedTuple):
    ip: str
    what: str


Offences = dict[Offence, Millis]
"""Offence → when it was last recorded, oldest first."""


def is_known(state: Offences, offence: Offence, now: Millis) -> bool:
    """Whether it is recorded already, or so much of all kinds is that no more is taken."""
    last = state.get(offence)
    if last is not None and now - last < QUIET:
        return True
    nth_last = next(islice(reversed(state.values()), RECORDED - 1, None), None)
    return nth_last is not None and now - nth_last < QUIET


def remember(state: Offences, offence: Offence, at: Millis) -> None:
    state.pop(offence, None)
    state[offence] = at
    if len(state) > REMEMBERED:
        del state[next(iter(state))]
