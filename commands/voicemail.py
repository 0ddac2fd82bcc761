"""Commands about mailboxes: a message comes in, is heard, is deleted; somebody tries a PIN."""

from pydantic import Field

from commands.message import CallIdField, Command, Line, Outcome
from commands.world import World
from domain import voicemail
from domain.directory import body_of
from domain.errors import NotFound
from domain.voicemail import Owner, Recorded
from events.resources import Voicemail


class _AboutMailbox(Command):
    voicemail_id: Line = Field(min_length=1, max_length=64)


class LeaveMessage(_AboutMailbox):
    """An engine has uploaded what it was told to record (PUT /media/<account>/vm/…)."""

    call_id: CallIdField
    media_key: Line = Field(max_length=512)
    message_id: str = Field(pattern=r"^vmm_[0-9a-z]{26}$")
    """Of the message, if it is a new one."""
    duration_ms: int | None = Field(default=None, ge=0)
    size_bytes: int = Field(ge=0)


class _AboutMessage(_AboutMailbox):
    message_id: Line = Field(min_length=1, max_length=64)


class MarkMessage(_AboutMessage):
    is_read: bool


class DeleteMessage(_AboutMessage): ...


class GuessPin(_AboutMailbox):
    """Somebody wants to try a PIN: may he?"""


class ForgiveGuesses(_AboutMailbox):
    """The PIN was right."""


def leave_message(command: LeaveMessage, world: World) -> Outcome:
    """The mailbox may be gone by now: what was recorded is kept all the same."""
    (call,) = world.calls([command.call_id])
    if call.account_id != command.account_id or (
        call.recorded.get(command.media_key) != command.voicemail_id
    ):
        raise NotFound(f"call {command.call_id} does not record {command.media_key}")
    mailbox, owner = world.mailbox(command.voicemail_id), _owner(command, world)
    row = body_of(world.office(command.account_id).directory, command.voicemail_id, Voicemail)
    recorded = Recorded(
        call.call_id,
        call.hops[0].from_number,
        command.media_key,
        command.duration_ms,
        command.size_bytes,
    )
    known = voicemail.message_of(mailbox, command.media_key)
    facts = voicemail.leave(
        mailbox,
        owner,
        command.message_id,
        recorded,
        row.notify_email if row else None,
        world.now,
    )
    return Outcome(facts, {"ok": 1, "id": known or command.message_id})


def mark_message(command: MarkMessage, world: World) -> Outcome:
    _existing(command, world)
    mailbox, owner = world.mailbox(command.voicemail_id), _owner(command, world)
    facts = voicemail.mark(mailbox, owner, command.message_id, command.is_read, world.now)
    return Outcome(facts, {"ok": 1, "id": command.message_id})


def delete_message(command: DeleteMessage, world: World) -> Outcome:
    _existing(command, world)
    mailbox, owner = world.mailbox(command.voicemail_id), _owner(command, world)
    facts = voicemail.delete(mailbox, owner, command.message_id, world.now)
    return Outcome(facts, {"ok": 1, "id": command.message_id})


def guess_pin(command: GuessPin, world: World) -> Outcome:
    """Counted before it is known whether it is right, so that guesses at the same time do not come
    through. The count is a memory of the owner's: a take-over begins it again."""
    secret_ref = _existing(command, world).pin_secret_ref
    guesses = world.guesses.setdefault(command.voicemail_id, [])
    if not voicemail.may_guess(guesses, world.now):
        wait = guesses[-voicemail.MAX_GUESSES] + voicemail.GUESS_PERIOD - world.now
        return Outcome([], {"ok": 0, "retryAfter": -(-wait // 1000)})
    guesses[:] = [*guesses, world.now][-voicemail.MAX_GUESSES :]
    return Outcome([], {"ok": 1, "secretRef": secret_ref})


def forgive_guesses(command: ForgiveGuesses, world: World) -> Outcome:
    _existing(command, world)
    world.guesses.pop(command.voicemail_id, None)
    return Outcome([], {"ok": 1})


def _existing(command: _AboutMailbox, world: World) -> Voicemail:
    directory = world.office(command.account_id).directory
    row = body_of(directory, command.voicemail_id, Voicemail)
    if row is None:
        raise NotFound(f"no voicemail {command.voicemail_id}")
    return row


def _owner(command: _AboutMailbox, world: World) -> Owner:
    directory = world.office(command.account_id).directory
    return voicemail.owner_of(directory, command.account_id, command.voicemail_id)
