"""What an edge node has banned, and what is new in its next snapshot.

Snapshots come every half a minute from each node; only what differs is a fact.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from events.bans import BanExpired, BanObserved
from events.base import PLATFORM, Millis

EXPIRY_SLACK = 60_000
"""Milliseconds by which a ban may seem to expire later or sooner without being news."""


class Ban(NamedTuple):
    """A ban as its node tells it. Times in epoch ms."""

    ip: str
    reason: str
    jail: str | None = None
    hits: int = 1
    first_seen: Millis | None = None
    """None: the node does not know."""
    expires_at: Millis | None = None
    user_agent: str | None = None
    country: str | None = None


@dataclass(slots=True)
class NodeBans:
    """What a node has banned, as of its snapshot `ts`."""

    ts: Millis = Millis(0)
    bans: dict[str, Ban] = field(default_factory=dict)
    """Address → ban."""
    lifted: set[str] = field(default_factory=set)
    """The addresses among them that the node is to let in again."""


# Decisions


def differences(
    known: NodeBans, node_id: str, ts: Millis, bans: Iterable[Ban], now: Millis
) -> Iterator[BanObserved | BanExpired]:
    """What a snapshot says that is not known."""
    found = {ban.ip: ban for ban in bans}
    for ip, ban in found.items():
        if _is_news(known, ban):
            yield _observed(node_id, ts, ban, known.bans.get(ip), now)
    for ip in known.bans:
        if ip not in found:
            yield BanExpired(account_id=PLATFORM, at=now, ip=ip, node_id=node_id, ts=ts)


def _is_news(known: NodeBans, ban: Ban) -> bool:
    """Hits are news when they have doubled: an attack in progress is not a fact per report."""
    old = known.bans.get(ban.ip)
    if old is None:
        return True
    new = ban._replace(first_seen=ban.first_seen or old.first_seen)
    if ban.ip in known.lifted and new.first_seen == old.first_seen:
        return False  # the node has not carried out its orders yet
    same = old._replace(hits=new.hits, expires_at=new.expires_at) == new
    return not (same and new.hits < 2 * old.hits and _is_near(old.expires_at, new.expires_at))


def _is_near(one: Millis | None, other: Millis | None) -> bool:
    if one is None or other is None:
        return one == other
    return abs(one - other) <= EXPIRY_SLACK


def _observed(node_id: str, ts: Millis, ban: Ban, old: Ban | None, now: Millis) -> BanObserved:
    first_seen = ban.first_seen or (old.first_seen if old else None) or ts
    return BanObserved(
        account_id=PLATFORM,
        at=now,
        node_id=node_id,
        ts=ts,
        **ban._replace(first_seen=first_seen)._asdict(),
    )


# Evolve


def evolve(state: NodeBans, fact: BanObserved | BanExpired) -> None:
    state.ts = max(state.ts, fact.ts)
    state.lifted.discard(fact.ip)
    if isinstance(fact, BanExpired):
        state.bans.pop(fact.ip, None)
    else:
        state.bans[fact.ip] = Ban(*(getattr(fact, member) for member in Ban._fields))
