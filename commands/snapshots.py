"""The states of long streams as bytes, so that loading one costs the same after a million facts.

The name is stored with the bytes. A state of another shape gets another name; a snapshot under a
name that is not known here is ignored, and the stream is folded from its beginning.
"""

from pydantic import TypeAdapter

from domain import capacity, presence
from domain.capacity import Admission, Capacity
from domain.presence import Contact, ContactKey, Presence
from domain.windows import Starts, Window
from events.base import Millis

CAPACITY = "capacity.state.v2"
PRESENCE = "presence.state.v1"
NAMES = (CAPACITY, PRESENCE)

_CAPACITY = TypeAdapter(tuple[list[Admission], list[tuple[Window, Starts]]])
_PRESENCE = TypeAdapter(tuple[list[tuple[ContactKey, Contact]], list[tuple[ContactKey, Millis]]])


def dump_capacity(state: Capacity) -> bytes:
    return _CAPACITY.dump_json((list(state.open.values()), list(state.windows.items())))


def load_capacity(data: bytes) -> Capacity:
    admissions, counted = _CAPACITY.validate_json(data)
    return capacity.restored(admissions, dict(counted))


def dump_presence(state: Presence) -> bytes:
    return _PRESENCE.dump_json((list(state.contacts.items()), list(state.removed.items())))


def load_presence(data: bytes) -> Presence:
    contacts, removed = _PRESENCE.validate_json(data)
    return presence.restored(dict(contacts), dict(removed))
