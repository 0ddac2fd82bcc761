"""The states of long streams as bytes, so that loading one costs the same after a million facts.

The name is stored with the bytes. A state of another shape gets another name; a snapshot under a
name that is not known here is ignored, and the stream is folded from its beginning.
"""

from dataclasses import replace

from pydantic import TypeAdapter

from domain import capacity, presence
from domain.acd.floor import Floor
from domain.capacity import Admission, Capacity
from domain.presence import Contact, ContactKey, Presence
from events.base import Millis

CAPACITY = "capacity.state.v1"
PRESENCE = "presence.state.v2"
NAMES = (CAPACITY, PRESENCE)

_ADMISSIONS = TypeAdapter(list[Admission])
_PRESENCE = TypeAdapter(
    tuple[list[tuple[ContactKey, Contact]], list[tuple[ContactKey, Millis]], Floor]
)


def dump_capacity(state: Capacity) -> bytes:
    return _ADMISSIONS.dump_json(list(state.open.values()))


def load_capacity(data: bytes) -> Capacity:
    return capacity.restored(_ADMISSIONS.validate_json(data))


def dump_presence(state: Presence) -> bytes:
    contacts, removed = list(state.contacts.items()), list(state.removed.items())
    return _PRESENCE.dump_json((contacts, removed, replace(state.floor, contacts={})))


def load_presence(data: bytes) -> Presence:
    contacts, removed, floor = _PRESENCE.validate_json(data)
    return presence.restored(dict(contacts), dict(removed), floor)
