"""Presence of an account: at which contacts its devices can be reached, and its contact center.

The contact center (`domain/acd`) lives in the same stream, so that who can be reached and who is
reserved are decided on one state.

Events of an edge may come twice and in any order. Each contact remembers the edge's time of the
last event that counted; an older one changes nothing. A refresh is a fact only when it moves the
expiry by more than `REFRESH_SLACK`: until then the slack itself keeps the contact alive, so a
phone that registers every minute writes one fact in five minutes and is never dropped while it is
there.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

from domain.acd import evolution
from domain.acd.floor import Floor, FloorFact
from domain.acd.placing import indexed
from events.acd import AcdFact
from events.base import AccountId, Millis
from events.presence import (
    ContactQualified,
    ContactRefreshed,
    ContactRegistered,
    ContactRemoved,
    RemovalReason,
)

REFRESH_SLACK = 300_000
"""Milliseconds that a registration outlives its recorded expiry."""
TOMBSTONE = 3_600_000
"""Milliseconds for which a removal is remembered, against events that come late."""

PresenceFact = ContactRegistered | ContactRefreshed | ContactRemoved | ContactQualified


class ContactKey(NamedTuple):
    device_id: str
    contact: str


@dataclass(slots=True)
class Contact:
    user_id: str
    ts: Millis
    """The edge's time of the last event that counted."""
    expires_at: Millis
    reachable: bool = True


@dataclass(slots=True)
class Presence:
    contacts: dict[ContactKey, Contact] = field(default_factory=dict)
    by_device: dict[str, set[ContactKey]] = field(default_factory=dict)
    removed: dict[ContactKey, Millis] = field(default_factory=dict)
    """Contact → the edge's time of its removal, in the order of removal."""
    floor: Floor = field(default_factory=Floor)


def is_reachable(state: Presence, device_id: str) -> bool:
    """Whether the device has a live contact that answers."""
    return any(state.contacts[key].reachable for key in state.by_device.get(device_id, ()))


def size_of(state: Presence) -> int:
    """How many things a snapshot of it holds."""
    center = state.floor
    return len(state.contacts) + len(center.agents) + len(center.callers) + len(center.past)


def next_expiry(state: Presence) -> Millis | None:
    """When the next contact may have to be dropped."""
    soonest = min((c.expires_at for c in state.contacts.values()), default=None)
    return None if soonest is None else Millis(soonest + REFRESH_SLACK)


# Decisions


def register(
    state: Presence,
    account_id: AccountId,
    user_id: str,
    key: ContactKey,
    expires_at: Millis,
    ts: Millis,
    now: Millis,
    *,
    received: str | None = None,
    user_agent: str | None = None,
    node_id: str | None = None,
) -> list[PresenceFact]:
    """A contact was registered or refreshed, as seen by the edge at `ts`."""
    known = state.contacts.get(key)
    if known is None:
        if state.removed.get(key, -1) >= ts or expires_at + REFRESH_SLACK <= now:
            return []
        return [
            ContactRegistered(
                account_id=account_id,
                at=now,
                user_id=user_id,
                device_id=key.device_id,
                contact=key.contact,
                ts=ts,
                expires_at=expires_at,
                received=received,
                user_agent=user_agent,
                node_id=node_id,
            )
        ]
    if ts <= known.ts or expires_at - known.expires_at < REFRESH_SLACK:
        return []
    return [
        ContactRefreshed(
            account_id=account_id,
            at=now,
            user_id=known.user_id,
            device_id=key.device_id,
            contact=key.contact,
            ts=ts,
            expires_at=expires_at,
        )
    ]


def remove(
    state: Presence,
    account_id: AccountId,
    key: ContactKey,
    reason: RemovalReason,
    ts: Millis,
    now: Millis,
) -> list[PresenceFact]:
    known = state.contacts.get(key)
    if known is None or ts < known.ts:
        return []
    return [
        ContactRemoved(
            account_id=account_id,
            at=now,
            user_id=known.user_id,
            device_id=key.device_id,
            contact=key.contact,
            ts=ts,
            reason=reason,
        )
    ]


def qualify(
    state: Presence,
    account_id: AccountId,
    key: ContactKey,
    reachable: bool,
    ts: Millis,
    now: Millis,
) -> list[PresenceFact]:
    """The edge's ping of the contact succeeded or failed; only a change is a fact."""
    known = state.contacts.get(key)
    if known is None or ts < known.ts or known.reachable == reachable:
        return []
    return [
        ContactQualified(
            account_id=account_id,
            at=now,
            user_id=known.user_id,
            device_id=key.device_id,
            contact=key.contact,
            ts=ts,
            reachable=reachable,
        )
    ]


def expire(state: Presence, account_id: AccountId, now: Millis) -> list[PresenceFact]:
    """Drop the contacts whose expiry and slack have passed without word from the edge."""
    facts: list[PresenceFact] = []
    for key, contact in state.contacts.items():
        if contact.expires_at + REFRESH_SLACK <= now:
            facts += remove(state, account_id, key, RemovalReason.EXPIRED, now, now)
    return facts


# Evolve


def evolve(state: Presence, fact: PresenceFact | FloorFact) -> Presence:
    if isinstance(fact, AcdFact):
        evolution.evolve(state.floor, fact)
        return state
    known = ContactKey(fact.device_id, fact.contact) in state.contacts
    if known or not isinstance(fact, ContactQualified):  # a ping of what is gone says nothing
        evolution.evolve(state.floor, fact)
    _evolve_contacts(state, fact)
    return state


def _evolve_contacts(state: Presence, fact: PresenceFact) -> None:
    key = ContactKey(fact.device_id, fact.contact)
    match fact:
        case ContactRegistered():
            state.removed.pop(key, None)
            state.contacts[key] = Contact(fact.user_id, fact.ts, fact.expires_at)
            state.by_device.setdefault(fact.device_id, set()).add(key)
        case ContactRefreshed():
            if contact := state.contacts.get(key):
                contact.ts, contact.expires_at = fact.ts, fact.expires_at
        case ContactQualified():
            if contact := state.contacts.get(key):
                contact.ts, contact.reachable = fact.ts, fact.reachable
        case ContactRemoved():
            _forget(state, key)
            state.removed[key] = fact.ts
            for old in list(_older_than(state, Millis(fact.at - TOMBSTONE))):
                del state.removed[old]
        case _:
            assert_never(fact)


def _forget(state: Presence, key: ContactKey) -> None:
    if state.contacts.pop(key, None) is None:
        return
    keys = state.by_device[key.device_id]
    keys.discard(key)
    if not keys:
        del state.by_device[key.device_id]


def _older_than(state: Presence, horizon: Millis) -> Iterator[ContactKey]:
    for key, ts in state.removed.items():
        if ts > horizon:
            return
        yield key


# Fold


def restored(
    contacts: dict[ContactKey, Contact],
    removed: dict[ContactKey, Millis],
    center: Floor | None = None,
) -> Presence:
    """The state with exactly these contacts, removals and this floor (what a snapshot holds). Who
    can be reached follows from the contacts."""
    state = Presence(contacts=contacts, removed=removed, floor=center or Floor())
    reachable: dict[str, set[tuple[str, str]]] = {}
    for key, contact in contacts.items():
        state.by_device.setdefault(key.device_id, set()).add(key)
        if contact.reachable:
            reachable.setdefault(contact.user_id, set()).add(key)
    state.floor.contacts = {user: frozenset(keys) for user, keys in reachable.items()}
    indexed(state.floor)
    return state
