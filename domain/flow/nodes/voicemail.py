"""voicemail: greeting, beep, record."""

from typing import Literal

from domain.directory import body_of
from domain.flow.node import DEFAULT, Done, Id, Next, NodeData, Visit, Wait, recording_key
from events.flow import Play
from events.flow import Record as RecordCommand
from events.resources import Voicemail as Mailbox

MAX_SEC = 180
SILENCE_SEC = 5
GREETING, MESSAGE = 1, 2
"""Stages: what the caller hears or does while the call waits here."""


class Voicemail(NodeData):
    kind: Literal["voicemail"]
    mailboxId: Id
    pointers = (("mailboxId", "voicemail"),)


def run(node: Voicemail, visit: Visit) -> Next:
    mailbox = body_of(visit.context.directory, node.mailboxId, Mailbox)
    if mailbox is None:
        visit.note = f"no voicemail {node.mailboxId}"
        return Done(DEFAULT)
    if visit.answer is None:
        own = visit.prompt(mailbox.greeting_media_id, None).urls
        return Wait(Play(urls=own or (visit.system_prompt("vm-greeting"),)), GREETING)
    if visit.frame.stage == GREETING:
        record = RecordCommand(
            key=recording_key(visit, "vm"),
            max_ms=MAX_SEC * 1000,
            silence_ms=SILENCE_SEC * 1000,
            beep=1,
        )
        return Wait(record, MESSAGE)
    return Done(DEFAULT, is_end=True)
