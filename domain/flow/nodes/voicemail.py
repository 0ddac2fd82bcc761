"""voicemail: greeting, beep, record; a full mailbox takes leave of the caller."""

from typing import Literal

from domain.directory import body_of
from domain.flow.node import DEFAULT, Done, Id, Next, NodeData, Visit, Wait, recording_key
from events.flow import Play
from events.flow import Record as RecordCommand
from events.resources import Voicemail as Mailbox

MAX_SEC = 180
SILENCE_SEC = 5
GREETING, MESSAGE, FULL = 1, 2, 3
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
        if visit.context.is_full(node.mailboxId, mailbox.quota_mb):
            visit.note = f"no room: {mailbox.quota_mb} MB are used"
            return Wait(Play(urls=(visit.system_prompt("goodbye"),)), FULL)
        own = visit.prompt(mailbox.greeting_media_id, None).urls
        return Wait(Play(urls=own or (visit.system_prompt("vm-greeting"),)), GREETING)
    if visit.frame.stage == GREETING:
        record = RecordCommand(
            key=_key(visit),
            max_ms=MAX_SEC * 1000,
            silence_ms=SILENCE_SEC * 1000,
            beep=1,
            voicemail_id=node.mailboxId,
        )
        return Wait(record, MESSAGE)
    return Done(DEFAULT, is_end=True)


def _key(visit: Visit) -> str:
    """A call that leaves a second message leaves it beside the first."""
    key = recording_key(visit, "vm")
    return recording_key(visit, "vm", f"-{visit.seq}") if key in visit.context.recorded else key
