"""Facts of a mailbox: messages that were left, heard and deleted. Stream ``voicemail-<vm id>``.

Each says how many messages are new and how many old after it, and whose phones show that.
"""

from events.base import CallId, Fact, Millis, StreamName


class VoicemailFact(Fact):
    voicemail_id: str
    message_id: str

    @property
    def stream(self) -> StreamName:
        return StreamName("voicemail-" + self.voicemail_id)


class CountedFact(VoicemailFact):
    """What a message waiting indication shows afterwards."""

    new: int
    old: int
    user_ids: tuple[str, ...]
    """The users whose mailbox this is."""


class MessageLeft(CountedFact):
    call_id: CallId
    caller: str
    media_key: str
    """Where the audio lies in the object store."""
    duration_ms: int | None
    size_bytes: int
    received_at: Millis
    notify_email: str | None = None
    """Who is to be told by mail."""


class MessageReplaced(VoicemailFact):
    """Its audio was uploaded again."""

    duration_ms: int | None
    size_bytes: int


class MessageRead(CountedFact):
    """It is old now."""


class MessageUnread(CountedFact):
    """It is new again."""


class MessageDeleted(CountedFact): ...
