"""The states of long streams as bytes, so that loading one costs the same after a million facts.

The name is stored with the bytes. A state of another shape gets another name; a snapshot under a
name that is not known here is ignored, and the stream is folded from its beginning.
"""

from dataclasses import replace
from typing import NamedTuple

from pydantic import TypeAdapter

from domain import capacity, dnc, presence
from domain.acd.floor import Floor
from domain.acd.index import Index
from domain.bans import Allowance, BanList
from domain.capacity import Admission, Capacity
from domain.dnc import DncList, Label
from domain.node_bans import NodeBans
from domain.offences import Offence
from domain.presence import Contact, ContactKey, Presence
from domain.spending import Spending
from domain.tolls import Tolls
from domain.voicemail import Mailbox, Message
from domain.windows import Starts, Window
from events.base import Millis

CAPACITY = "capacity.state.v3"
PRESENCE = "presence.state.v2"
BANS = "bans.state.v1"
DNC = "dnc.state.v1"
MAILBOX = "voicemail.state.v1"
NAMES = (CAPACITY, PRESENCE, BANS, DNC, MAILBOX)

_CAPACITY = TypeAdapter(tuple[list[Admission], list[tuple[Window, Starts]], Tolls, Spending])
_PRESENCE = TypeAdapter(
    tuple[list[tuple[ContactKey, Contact]], list[tuple[ContactKey, Millis]], Floor]
)


class _Bans(NamedTuple):
    last: list[tuple[Offence, Millis]]
    nodes: dict[str, NodeBans]
    own: dict[str, tuple[str, Millis]]
    allowed: dict[str, Allowance]


_BANS = TypeAdapter(_Bans)
_DNC = TypeAdapter(tuple[list[Label], list[tuple[int, int]], dict[str, int]])
_MAILBOX = TypeAdapter(dict[str, Message])


def dump_capacity(state: Capacity) -> bytes:
    return _CAPACITY.dump_json(
        (list(state.open.values()), list(state.windows.items()), state.tolls, state.spending)
    )


def load_capacity(data: bytes) -> Capacity:
    admissions, counted, costly, spent = _CAPACITY.validate_json(data)
    return capacity.restored(admissions, dict(counted), costly, spent)


def dump_bans(state: BanList) -> bytes:
    return _BANS.dump_json(_Bans(list(state.last.items()), state.nodes, state.own, state.allowed))


def load_bans(data: bytes) -> BanList:
    last, nodes, own, allowed = _BANS.validate_json(data)
    return BanList(dict(last), nodes, own, allowed)


def dump_presence(state: Presence) -> bytes:
    contacts, removed = list(state.contacts.items()), list(state.removed.items())
    return _PRESENCE.dump_json(
        (contacts, removed, replace(state.floor, contacts={}, index=Index()))
    )


def load_presence(data: bytes) -> Presence:
    contacts, removed, floor = _PRESENCE.validate_json(data)
    return presence.restored(dict(contacts), dict(removed), floor)


def dump_dnc(state: DncList) -> bytes:
    """Labels that no number has any more are left out."""
    places: dict[Label, int] = {}
    numbers = [(n, places.setdefault(label, len(places))) for n, label in state.numbers.items()]
    return _DNC.dump_json((list(places), numbers, state.imports))


def load_dnc(data: bytes) -> DncList:
    return dnc.restored(*_DNC.validate_json(data))


def dump_mailbox(state: Mailbox) -> bytes:
    return _MAILBOX.dump_json(state.messages)


def load_mailbox(data: bytes) -> Mailbox:
    return Mailbox(_MAILBOX.validate_json(data))
