"""Facts of an account's channels: which call holds which of them.

Stream ``capacity-<account_id>``. Counters are never stored: they are the number of open holders.
"""

from enum import StrEnum
from typing import NamedTuple

from events.base import CallId, Fact, StreamName
from events.call import Direction


class Dimension(StrEnum):
    """What can run out of channels (spec 06)."""

    ACCOUNT_IN = "account_in"
    ACCOUNT_OUT = "account_out"
    USER = "user"
    DID = "did"
    TRUNK = "trunk"

    __hash__ = str.__hash__  # it is the key of every look-up; the enum's own is four times slower


class Hold(NamedTuple):
    """One channel of one dimension, taken by a call until it is released."""

    dimension: Dimension
    id: str


class Count(NamedTuple):
    """A start of a call that counts in a sliding window (spec 02, call_limit)."""

    limit_id: str
    scope_id: str
    """Whom the window is about: the account, a user, a DID or a number."""
    period_sec: int


class ReleaseReason(StrEnum):
    ENDED = "ended"
    IDLE = "idle"
    """No sign of life for longer than CAC_IDLE."""
    LOST = "lost"
    """Its edge node does not know it (any more)."""
    RESET = "reset"
    """An operator's reset."""


class CapacityFact(Fact):
    @property
    def stream(self) -> StreamName:
        return StreamName("capacity-" + self.account_id)


class ChannelsTaken(CapacityFact):
    """A call was admitted in all its dimensions at once."""

    call_id: CallId
    direction: Direction
    from_number: str
    to_number: str
    holds: tuple[Hold, ...]
    counts: tuple[Count, ...] = ()
    """The sliding windows in which this start counts."""
    node_id: str | None = None
    """The edge node that asked where the call goes, and has it."""
    is_costly: bool = False
    """It goes abroad or to a premium number."""


class LegsHeld(CapacityFact):
    """What the legs that a flow has dialled for an open call hold beside the call itself, all of
    it: whatever its legs held before and is not named here was given back."""

    call_id: CallId
    holds: tuple[Hold, ...]
    counts: tuple[Count, ...] = ()
    """The sliding windows in which a leg that begins counts."""
    is_costly: bool = False


class ChannelsReleased(CapacityFact):
    """A call gave back exactly what it and its legs held."""

    call_id: CallId
    reason: ReleaseReason
    costly_micros: int = 0
    """What the call has paid for numbers abroad and premium numbers (`Outcome.charges`)."""


class LimitExceeded(CapacityFact):
    """A call was admitted beyond a limit that is not hard."""

    call_id: CallId
    limit_id: str
    scope_kind: str
    scope_id: str
    used: int
    """Starts in the window before this one."""
    max_count: int
    period_sec: int


class TollFraudSuspected(CapacityFact):
    """More costly calls within an hour, or more spent on them, than the account's history explains
    (each once an hour)."""

    call_id: CallId
    number: str
    count: int
    """Costly calls of this hour before this one."""
    usual: int
    spent_micros: int | None = None
    """What costly calls of this hour have cost; null: their number is what is suspicious."""
    usual_micros: int | None = None
    action: str
    """``alert``: the call was let through; ``block``: it was refused."""
