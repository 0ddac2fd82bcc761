"""A mailbox: who has left what, what was heard, how much room is left (spec 04, Voicemail).

A message is known by the key of its audio, so that the same upload again is the same message. A
quota keeps callers from beginning to record; what was recorded is never turned away.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

from domain.directory import Directory, rows_of
from domain.errors import NotFound
from events.base import AccountId, CallId, Millis
from events.resources import SipUser
from events.voicemail import (
    MessageDeleted,
    MessageLeft,
    MessageRead,
    MessageReplaced,
    MessageUnread,
)

VoicemailFact = MessageLeft | MessageReplaced | MessageRead | MessageUnread | MessageDeleted

MIB = 1024 * 1024
MAX_GUESSES = 5
"""Wrong PINs of a mailbox within `GUESS_PERIOD`; then nobody may try for a while."""
GUESS_PERIOD = 15 * 60_000


class Message(NamedTuple):
    media_key: str
    size_bytes: int
    duration_ms: int | None
    is_read: bool


@dataclass(slots=True)
class Mailbox:
    messages: dict[str, Message] = field(default_factory=dict)


class Owner(NamedTuple):
    """Of which account a mailbox is, and whose phones light up."""

    account_id: AccountId
    voicemail_id: str
    user_ids: tuple[str, ...]


class Recorded(NamedTuple):
    """What came in from an engine."""

    call_id: CallId
    caller: str
    media_key: str
    duration_ms: int | None
    size_bytes: int


def owner_of(directory: Directory, account_id: AccountId, voicemail_id: str) -> Owner:
    users = (id for id, user in rows_of(directory, SipUser) if user.voicemail_id == voicemail_id)
    return Owner(account_id, voicemail_id, tuple(sorted(users)))


def used_bytes(state: Mailbox) -> int:
    return sum(message.size_bytes for message in state.messages.values())


def is_full(state: Mailbox, quota_mb: int) -> bool:
    return used_bytes(state) >= quota_mb * MIB


def message_of(state: Mailbox, media_key: str) -> str | None:
    """The id of the message with this audio."""
    known = (id for id, one in state.messages.items() if one.media_key == media_key)
    return next(known, None)


def size_of(state: Mailbox) -> int:
    """What a snapshot costs, in facts that are as long."""
    return len(state.messages)


def may_guess(wrong: Sequence[Millis], now: Millis) -> bool:
    """Whether a PIN may be tried after these wrong ones."""
    return sum(at > now - GUESS_PERIOD for at in wrong) < MAX_GUESSES


# Decisions


def leave(
    state: Mailbox,
    owner: Owner,
    message_id: str,
    recorded: Recorded,
    notify_email: str | None,
    now: Millis,
) -> list[VoicemailFact]:
    """A message was recorded. Its audio again replaces that of the message it belongs to."""
    known = message_of(state, recorded.media_key)
    if known is None:
        new, old = _counts(state)
        left = MessageLeft(
            **_about(owner, message_id, now),
            new=new + 1,
            old=old,
            user_ids=owner.user_ids,
            received_at=now,
            notify_email=notify_email,
            **recorded._asdict(),
        )
        return [left]
    before = state.messages[known]
    if (before.size_bytes, before.duration_ms) == (recorded.size_bytes, recorded.duration_ms):
        return []
    replaced = MessageReplaced(
        **_about(owner, known, now),
        duration_ms=recorded.duration_ms,
        size_bytes=recorded.size_bytes,
    )
    return [replaced]


def mark(
    state: Mailbox, owner: Owner, message_id: str, is_read: bool, now: Millis
) -> list[VoicemailFact]:
    """It was heard, or is to count as new again."""
    if _existing(state, message_id).is_read == is_read:
        return []
    new, old = _counts(state)
    step = 1 if is_read else -1
    kind = MessageRead if is_read else MessageUnread
    about = _about(owner, message_id, now)
    return [kind(**about, new=new - step, old=old + step, user_ids=owner.user_ids)]


def delete(state: Mailbox, owner: Owner, message_id: str, now: Millis) -> list[VoicemailFact]:
    message = _existing(state, message_id)
    new, old = _counts(state)
    return [
        MessageDeleted(
            **_about(owner, message_id, now),
            new=new - (not message.is_read),
            old=old - message.is_read,
            user_ids=owner.user_ids,
        )
    ]


def _existing(state: Mailbox, message_id: str) -> Message:
    if (message := state.messages.get(message_id)) is None:
        raise NotFound(f"no message {message_id}")
    return message


def _counts(state: Mailbox) -> tuple[int, int]:
    """How many messages are new, how many old."""
    old = sum(message.is_read for message in state.messages.values())
    return len(state.messages) - old, old


class _About(NamedTuple):
    account_id: AccountId
    at: Millis
    voicemail_id: str
    message_id: str


def _about(owner: Owner, message_id: str, now: Millis) -> dict[str, object]:
    return _About(owner.account_id, now, owner.voicemail_id, message_id)._asdict()


# Evolve


def evolve(state: Mailbox, fact: VoicemailFact) -> Mailbox:
    messages = state.messages
    match fact:
        case MessageLeft():
            messages[fact.message_id] = Message(
                fact.media_key, fact.size_bytes, fact.duration_ms, False
            )
        case MessageReplaced():
            messages[fact.message_id] = messages[fact.message_id]._replace(
                size_bytes=fact.size_bytes, duration_ms=fact.duration_ms
            )
        case MessageRead():
            messages[fact.message_id] = messages[fact.message_id]._replace(is_read=True)
        case MessageUnread():
            messages[fact.message_id] = messages[fact.message_id]._replace(is_read=False)
        case MessageDeleted():
            del messages[fact.message_id]
        case _:
            assert_never(fact)
    return state
