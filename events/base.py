"""The shape that every fact shares, and the types of identifiers and units.

Identifiers are TypeIDs (``acc_01jf18ah3jeb5w6dfp27sgjsbt``) and opaque: nothing here parses them.
"""

from typing import NewType

from pydantic import BaseModel, ConfigDict

AccountId = NewType("AccountId", str)
CallId = NewType("CallId", str)
"""The SIP Call-ID of the caller's leg; it names the call session (RFC 3261 section 20.8)."""
StreamName = NewType("StreamName", str)
Millis = NewType("Millis", int)
"""Milliseconds since the Unix epoch."""

PLATFORM = AccountId("acc_" + "0" * 26)
"""Owner of what belongs to no tenant: calls to unknown numbers, refused access, node keys."""


class Value(BaseModel):
    """A part of a fact."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Fact(Value):
    """Something that happened. Its stored name stands in `events/catalogue.py`."""

    account_id: AccountId
    at: Millis
    """When it was decided, by the clock of the deciding worker."""

    @property
    def stream(self) -> StreamName:
        """The stream it is appended to."""
        raise NotImplementedError(type(self).__name__)
