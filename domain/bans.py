"""The defence of a node group: what its nodes have banned, what we ban everywhere, who is spared.

Guarantees: a node's snapshot is a fact only where it differs from the one before; an older one
changes nothing; an allowed address is never banned by a rule of ours, and every node is told to
lift what it has on it. At most `OWN_BANS` bans of ours are in force, so a flood writes only so
much (as to offences see `domain/offences.py`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

from domain import node_bans
from domain.addresses import Ranges, is_wide
from domain.detection import Rule
from domain.errors import Fault, Invalid, NotFound
from domain.node_bans import Ban, NodeBans
from domain.offences import Offence, Offences, is_known, remember
from events.bans import (
    AccessRefused,
    AuthFailed,
    BanExpired,
    BanImposed,
    BanLifted,
    BanObserved,
    RangeAllowed,
    RangeDisallowed,
)
from events.base import PLATFORM, Millis

OWN_BANS = 10_000

BansFact = (
    AuthFailed
    | AccessRefused
    | BanObserved
    | BanExpired
    | BanImposed
    | BanLifted
    | RangeAllowed
    | RangeDisallowed
)


class Allowance(NamedTuple):
    note: str | None
    expires_at: Millis | None


@dataclass(slots=True)
class BanList:
    last: Offences = field(default_factory=dict)
    nodes: dict[str, NodeBans] = field(default_factory=dict)
    own: dict[str, tuple[str, Millis]] = field(default_factory=dict)
    """Address → rule and end of the bans of ours."""
    allowed: dict[str, Allowance] = field(default_factory=dict)
    """Address or network → until when; the ones that are over included."""


class Orders(NamedTuple):
    """What a node has to do. `ban`: address → rule and end."""

    allow: list[str]
    unban: list[str]
    ban: Mapping[str, tuple[str, Millis]]


def size_of(state: BanList) -> int:
    """Offences, bans and allowances: what a snapshot has to hold."""
    of_nodes = sum(len(node.bans) for node in state.nodes.values())
    return len(state.last) + len(state.own) + len(state.allowed) + of_nodes


def allowed(state: BanList, now: Millis) -> Ranges:
    return Ranges(_allowed(state, now))


def _allowed(state: BanList, now: Millis) -> list[str]:
    return [ip for ip, (_, until) in state.allowed.items() if until is None or until > now]


def orders(state: BanList, node_id: str, has: Collection[str], now: Millis) -> Orders:
    """For a node that `has` these addresses banned."""
    spared = allowed(state, now)
    node = state.nodes.get(node_id, NodeBans())
    return Orders(
        allow=_allowed(state, now),
        unban=[ip for ip in has if ip in node.lifted or ip in spared],
        ban={
            ip: (rule, until)
            for ip, (rule, until) in state.own.items()
            if until > now and ip not in has and ip not in spared
        },
    )


# Decisions


def fail_auth(
    state: BanList, ip: str, username: str, realm: str, reason: str, now: Millis
) -> list[BansFact]:
    if is_known(state.last, Offence(ip, f"{username}@{realm}"), now):
        return []
    return [
        AuthFailed(
            account_id=PLATFORM, at=now, ip=ip, username=username, realm=realm, reason=reason
        )
    ]


def refuse_access(state: BanList, ip: str, path: str, status: int, now: Millis) -> list[BansFact]:
    if is_known(state.last, Offence(ip, path), now):
        return []
    return [AccessRefused(account_id=PLATFORM, at=now, ip=ip, path=path, status=status)]


def impose(
    state: BanList, ip: str, name: str, rule: Rule, hits: int, detail: str, now: Millis
) -> list[BansFact]:
    """Ban the address on all nodes, as the rule `name` says after so many hits."""
    if hits < rule.threshold or _is_ours(state, ip, now) or ip in allowed(state, now):
        return []
    if sum(until > now for _, until in state.own.values()) >= OWN_BANS:
        return []
    return [
        BanImposed(
            account_id=PLATFORM,
            at=now,
            ip=ip,
            rule=name,
            hits=hits,
            expires_at=Millis(now + rule.ban_sec * 1000),
            detail=detail,
        )
    ]


def _is_ours(state: BanList, ip: str, now: Millis) -> bool:
    return ip in state.own and state.own[ip][1] > now


def report(
    state: BanList, node_id: str, ts: Millis, bans: Iterable[Ban], heard: Millis, now: Millis
) -> list[BansFact]:
    """What differs in a node's snapshot from the one before. `heard`: the latest that is known to
    have come, even if it made no fact."""
    known = state.nodes.get(node_id, NodeBans())
    if ts < max(known.ts, heard):
        return []
    return list(node_bans.differences(known, node_id, ts, bans, now))


def allow(
    state: BanList,
    ip: str,
    note: str | None,
    until: Millis | None,
    force: bool,
    by: str,
    now: Millis,
) -> list[BansFact]:
    """Put an address or a network on the list; the bans inside are lifted. A very wide range needs
    `force`."""
    if is_wide(ip) and not force:
        fault = Fault("/cidr", "is wider than /8 (IPv4) or /16 (IPv6): force=1 if that is meant")
        raise Invalid("the range is very wide", [fault])
    facts: list[BansFact] = []
    if state.allowed.get(ip) != Allowance(note, until):
        facts.append(
            RangeAllowed(account_id=PLATFORM, at=now, ip=ip, by=by, note=note, expires_at=until)
        )
    inside = Ranges([ip])
    facts += [
        BanLifted(account_id=PLATFORM, at=now, ip=banned, by=by)
        for banned in _banned(state, now)
        if banned in inside
    ]
    return facts


def _banned(state: BanList, now: Millis) -> Sequence[str]:
    """Every address that is banned somewhere and not lifted yet."""
    own = [ip for ip, (_, until) in state.own.items() if until > now]
    of_nodes = [ip for node in state.nodes.values() for ip in node.bans if ip not in node.lifted]
    return list(dict.fromkeys([*own, *of_nodes]))


def disallow(state: BanList, ip: str, by: str, now: Millis) -> list[BansFact]:
    if ip not in _allowed(state, now):
        raise NotFound(f"{ip} is not on the list")
    return [RangeDisallowed(account_id=PLATFORM, at=now, ip=ip, by=by)]


# Evolve


def evolve(state: BanList, fact: BansFact) -> BanList:
    match fact:
        case AuthFailed():
            remember(state.last, Offence(fact.ip, f"{fact.username}@{fact.realm}"), fact.at)
        case AccessRefused():
            remember(state.last, Offence(fact.ip, fact.path), fact.at)
        case BanObserved() | BanExpired():
            node_bans.evolve(state.nodes.setdefault(fact.node_id, NodeBans()), fact)
        case BanImposed():
            state.own = {ip: own for ip, own in state.own.items() if own[1] > fact.at}
            state.own[fact.ip] = (fact.rule, fact.expires_at)
        case BanLifted():
            state.own.pop(fact.ip, None)
            for node in state.nodes.values():
                if fact.ip in node.bans:
                    node.lifted.add(fact.ip)
        case RangeAllowed():
            state.allowed = {ip: a for ip, a in state.allowed.items() if not _is_over(a, fact.at)}
            state.allowed[fact.ip] = Allowance(fact.note, fact.expires_at)
        case RangeDisallowed():
            state.allowed.pop(fact.ip, None)
        case _:
            assert_never(fact)
    return state


def _is_over(allowance: Allowance, now: Millis) -> bool:
    return allowance.expires_at is not None and allowance.expires_at <= now
