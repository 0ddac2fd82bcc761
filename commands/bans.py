"""Commands about the defence of a node group: attacks, bans of the nodes, who is let in."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)
from pydantic.alias_generators import to_camel

from commands.message import Command, Line, Outcome, Printable, Timestamp
from commands.world import World
from domain import addresses, bans
from domain.bans import BansFact
from domain.digest import AuthRefusal
from domain.node_bans import Ban
from events.bans import BanLifted
from events.base import Millis

GROUP = "default"
GUESSES = {AuthRefusal.BAD_RESPONSE.value, AuthRefusal.UNKNOWN_USER.value}
"""Refusals of a digest that may be somebody's attempt to guess."""


def _named(canonical: Callable[[str], str]) -> Callable[[str], str]:
    def checked(text: str) -> str:
        try:
            return canonical(text)
        except ValueError as error:
            raise ValueError(f"not an IP address or range: {error}") from None

    return checked


def _harmless(value: Any) -> Any:
    """What an attacker may have written (a user agent) never makes a report unreadable."""
    if not isinstance(value, str):
        return value
    return "".join(char if char.isprintable() else "?" for char in value)[:255]


Address = Annotated[str, Field(max_length=64), AfterValidator(_named(addresses.address))]
Range = Annotated[str, Field(max_length=64), AfterValidator(_named(addresses.network))]
Foreign = Annotated[str, BeforeValidator(_harmless)]


class ReportFailedAuth(Command):
    """A digest was refused."""

    ip: Printable
    username: Printable
    realm: Printable
    reason: Printable


def report_failed_auth(command: ReportFailedAuth, world: World) -> Outcome:
    facts = bans.fail_auth(
        world.bans(GROUP), command.ip, command.username, command.realm, command.reason, world.now
    )
    if command.reason in GUESSES:
        login = f"{command.username}@{command.realm}"
        facts += _detected(command.ip, {"auth_ip": command.ip, "auth_user": login}, login, world)
    return Outcome(facts, {"ok": 1})


class ReportOffence(Command):
    """Somebody looks for numbers, or comes with the user agent of an attack tool."""

    ip: Printable
    rule: Literal["unknown_number", "scanner"]
    detail: Line = Field(default="", max_length=255)


def report_offence(command: ReportOffence, world: World) -> Outcome:
    facts = _detected(command.ip, {command.rule: command.ip}, command.detail, world)
    return Outcome(facts, {"ok": 1})


def _detected(source: str, subjects: dict[str, str], detail: str, world: World) -> list[BansFact]:
    """Count an offence by each of the rules (rule → whom it counts); the first that has had enough
    bans the source. Our own nodes are never banned: some do not tell the address of the phone."""
    state, found = world.bans(GROUP), list[BansFact]()
    try:
        ip = addresses.address(source)
    except ValueError:
        return []
    for name, subject in subjects.items():
        rule = world.options.ban_rules[name]
        if rule.threshold == 0 or ip in world.options.spared:
            continue
        hits = world.tally.count(name, rule, subject, world.now)
        found = found or bans.impose(state, ip, name, rule, hits, detail, world.now)
    return found


class ReportRefusedAccess(Command):
    """A caller without the right to do so knocked at a gated endpoint."""

    ip: Printable
    path: Printable
    status: int


def report_refused_access(command: ReportRefusedAccess, world: World) -> Outcome:
    facts = bans.refuse_access(
        world.bans(GROUP), command.ip, command.path, command.status, world.now
    )
    return Outcome(facts, {"ok": 1})


class ReportedBan(BaseModel):
    """A ban as a node reports it."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )

    ip: Address
    reason: Foreign
    jail: Foreign | None = None
    hits: int = Field(default=1, ge=0, le=2**53)
    first_seen: Timestamp | None = None
    expires_at: Timestamp | None = None
    user_agent: Foreign | None = None
    country: Foreign | None = None


class ReportBans(Command):
    """Everything that a node has banned, as of `ts` (spec 06, POST /security/report)."""

    node_id: Printable = Field(min_length=1)
    ts: Timestamp
    bans: tuple[ReportedBan, ...] = Field(max_length=20_000)


def report_bans(command: ReportBans, world: World) -> Outcome:
    """Replies what the node has to do, also to a snapshot that came late."""
    state, node, now = world.bans(GROUP), command.node_id, world.now
    reported = [Ban(**ban.model_dump()) for ban in command.bans]
    facts = bans.report(state, node, command.ts, reported, world.heard.get(node, Millis(0)), now)
    world.heard[node] = max(command.ts, world.heard.get(node, Millis(0)))
    todo = bans.orders(state, node, {ban.ip: None for ban in reported}.keys(), now)
    ban = [
        {"ip": ip, "reason": rule, "expiresAt": until, "ttlSec": -(-(until - now) // 1000)}
        for ip, (rule, until) in todo.ban.items()
    ]
    return Outcome(facts, {"ok": 1, "allow": todo.allow, "unban": todo.unban, "ban": ban})


class AllowRange(Command):
    """Never ban this address or range, and lift the bans inside (POST /security/allow)."""

    ip: Range
    note: Line | None = Field(default=None, max_length=500)
    ttl_sec: int | None = Field(default=None, ge=1, le=10 * 365 * 86_400)
    force: bool = False
    by: Line = Field(max_length=64)


def allow_range(command: AllowRange, world: World) -> Outcome:
    ttl, now = command.ttl_sec, world.now
    until = None if ttl is None else Millis(now + ttl * 1000)
    state = world.bans(GROUP)
    facts = bans.allow(state, command.ip, command.note, until, command.force, command.by, now)
    lifted = sum(isinstance(fact, BanLifted) for fact in facts)
    return Outcome(facts, {"ok": 1, "ip": command.ip, "lifted": lifted, "expiresAt": until})


class DisallowRange(Command):
    """Take an address or range from the list of the allowed (DELETE /security/allow/{ip})."""

    ip: Range
    by: Line = Field(max_length=64)


def disallow_range(command: DisallowRange, world: World) -> Outcome:
    facts = bans.disallow(world.bans(GROUP), command.ip, command.by, world.now)
    return Outcome(facts, {"ok": 1, "ip": command.ip})
