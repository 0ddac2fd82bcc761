"""From a recording that has come in to a message in a mailbox."""

import re

from commands.voicemail import LeaveMessage
from domain.errors import Conflict
from events.base import AccountId, CallId
from gateways.bus.client import Commander
from gateways.ids import new_id
from gateways.media.audio import Recording
from gateways.store.reader import Reader
from projections import voicemail

MESSAGE = re.compile(r"[^/]+/vm/[^/]+\.wav")


def is_message(key: str) -> bool:
    """Whether an object under this key is somebody's message."""
    return MESSAGE.fullmatch(key) is not None


class Mailroom:
    def __init__(self, commander: Commander, reader: Reader) -> None:
        self._commander = commander
        self._reader = reader

    async def deliver(self, key: str, recording: Recording) -> str | None:
        """The message that the stored recording became; None for one in which nothing is heard.

        Under a key that no call was told to record to it stays in the store, and Conflict says so:
        put again once the call is known, it becomes a message.
        """
        duration_ms = recording.duration_ms()
        if duration_ms == 0 or recording.size == 0:
            return None
        row = await self._reader.query(lambda cursor: voicemail.recording(cursor, key))
        if row is None:
            await self._reader.caught_up("voicemail")
            row = await self._reader.query(lambda cursor: voicemail.recording(cursor, key))
        if row is None:
            raise Conflict(f"{key} is stored, but no call is known that leaves a message there")
        command = LeaveMessage(
            account_id=AccountId(row["account_id"]),
            voicemail_id=row["voicemail_id"],
            call_id=CallId(row["call_id"]),
            media_key=key,
            message_id=new_id("vmm"),
            duration_ms=duration_ms,
            size_bytes=recording.size,
        )
        return str((await self._commander.ask(command)).body["id"])
