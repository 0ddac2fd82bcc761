"""The defence of a node group: failed logins and refused callers, a fact a minute of each."""

from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

from events.bans import AccessRefused, AuthFailed
from events.base import PLATFORM, Millis

QUIET = 60_000
"""Milliseconds in which the same offence is not recorded again."""
REMEMBERED = 10_000
"""Offences kept in mind; beyond it the oldest is forgotten (and would be recorded again)."""

BansFact = AuthFailed | AccessRefused


class Offence(NamedTuple):
    ip: str
    what: str


@dataclass(slots=True)
class BanList:
    last: dict[Offence, Millis] = field(default_factory=dict)
    """Offence → when it was last recorded, oldest first."""


# Decisions


def fail_auth(
    state: BanList, ip: str, username: str, realm: str, reason: str, now: Millis
) -> list[BansFact]:
    if _is_known(state, Offence(ip, f"{username}@{realm}"), now):
        return []
    return [
        AuthFailed(
            account_id=PLATFORM, at=now, ip=ip, username=username, realm=realm, reason=reason
        )
    ]


def refuse_access(state: BanList, ip: str, path: str, status: int, now: Millis) -> list[BansFact]:
    if _is_known(state, Offence(ip, path), now):
        return []
    return [AccessRefused(account_id=PLATFORM, at=now, ip=ip, path=path, status=status)]


def _is_known(state: BanList, offence: Offence, now: Millis) -> bool:
    last = state.last.get(offence)
    return last is not None and now - last < QUIET


# Evolve


def evolve(state: BanList, fact: BansFact) -> BanList:
    match fact:
        case AuthFailed():
            offence = Offence(fact.ip, f"{fact.username}@{fact.realm}")
        case AccessRefused():
            offence = Offence(fact.ip, fact.path)
        case _:
            assert_never(fact)
    state.last.pop(offence, None)
    state.last[offence] = fact.at
    if len(state.last) > REMEMBERED:
        del state.last[next(iter(state.last))]
    return state
