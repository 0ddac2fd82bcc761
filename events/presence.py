"""Facts of an account's presence: which contacts its devices are registered at.

Stream ``presence-<account_id>``. A refresh that prolongs a registration by little is no fact
(see `domain/presence.py`): heartbeats do not belong into a history.
"""

from enum import StrEnum

from events.base import Fact, Millis, StreamName


class RemovalReason(StrEnum):
    UNREGISTERED = "unregistered"
    EXPIRED = "expired"


class PresenceFact(Fact):
    user_id: str
    device_id: str
    contact: str
    """The contact URI as registered (RFC 3261 section 10)."""
    ts: Millis
    """When the edge saw it."""

    @property
    def stream(self) -> StreamName:
        return StreamName("presence-" + self.account_id)


class ContactRegistered(PresenceFact):
    expires_at: Millis
    received: str | None = None
    user_agent: str | None = None
    node_id: str | None = None


class ContactRefreshed(PresenceFact):
    expires_at: Millis


class ContactRemoved(PresenceFact):
    reason: RemovalReason


class ContactQualified(PresenceFact):
    """The edge's OPTIONS ping of this contact began to succeed or to fail."""

    reachable: bool
