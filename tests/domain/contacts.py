"""Facts and decisions about the one contact that tests of `domain/presence.py` are about."""

from typing import Any

from domain import presence
from domain.presence import ContactKey, Presence, PresenceFact
from events.base import Millis
from events.presence import (
    ContactQualified,
    ContactRefreshed,
    ContactRegistered,
    ContactRemoved,
    RemovalReason,
)
from tests.support.given import ACCOUNT, NOW

USER = "us_1"
DEVICE = "dev_1"
KEY = ContactKey(DEVICE, "sip:1001@192.0.2.1:5060")
HOUR = 3_600_000
SLACK = 300_000
"""What a registration outlives its recorded expiry, in ms."""


def _about(after: int, now: int | None) -> dict[str, Any]:
    return {
        "account_id": ACCOUNT,
        "at": NOW + (after if now is None else now),
        "user_id": USER,
        "device_id": KEY.device_id,
        "contact": KEY.contact,
        "ts": NOW + after,
    }


def registered(after: int = 0, lasts: int = HOUR, now: int | None = None) -> ContactRegistered:
    """Seen `after` ms from NOW, good for `lasts` ms; decided `now` ms from NOW."""
    return ContactRegistered(**_about(after, now), expires_at=Millis(NOW + after + lasts))


def refreshed(after: int, lasts: int = HOUR) -> ContactRefreshed:
    return ContactRefreshed(**_about(after, None), expires_at=Millis(NOW + after + lasts))


def removed(
    after: int, reason: RemovalReason = RemovalReason.UNREGISTERED, now: int | None = None
) -> ContactRemoved:
    return ContactRemoved(**_about(after, now), reason=reason)


def qualified(reachable: bool, after: int) -> ContactQualified:
    return ContactQualified(**_about(after, None), reachable=reachable)


def register(
    state: Presence, after: int, lasts: int = HOUR, now: int | None = None
) -> list[PresenceFact]:
    seen = Millis(NOW + after)
    decided = seen if now is None else Millis(NOW + now)
    return presence.register(state, ACCOUNT, USER, KEY, Millis(seen + lasts), seen, decided)


def remove(state: Presence, after: int) -> list[PresenceFact]:
    seen = Millis(NOW + after)
    return presence.remove(state, ACCOUNT, KEY, RemovalReason.UNREGISTERED, seen, seen)


def qualify(state: Presence, reachable: bool, after: int) -> list[PresenceFact]:
    seen = Millis(NOW + after)
    return presence.qualify(state, ACCOUNT, KEY, reachable, seen, seen)
