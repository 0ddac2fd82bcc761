"""Facts that a wholesale carrier reported. Stream ``carrier-<carrier>/<event id>``: one per report,
so that a report that comes twice is taken once.
"""

from enum import StrEnum

from events.base import Fact, StreamName


class Port(StrEnum):
    """Which way a number went."""

    IN = "in"
    OUT = "out"


class MessageStatus(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"


class CarrierFact(Fact):
    carrier: str
    event_id: str
    """The carrier's name of the report."""

    @property
    def stream(self) -> StreamName:
        return StreamName(f"carrier-{self.carrier}/{self.event_id}")


class NumberAssigned(CarrierFact):
    e164: str
    did_id: str
    """The row that has the number."""


class NumberPorted(CarrierFact):
    e164: str
    port: Port
    did_id: str | None
    """The row that has the number; null: it was ported out and had none."""


class MessageReported(CarrierFact):
    message_id: str
    status: MessageStatus
    number: str | None = None
    reason: str | None = None
