"""The routing brain: from a route request to one directive, with every step on the way (spec 03).

A decision is a list of policies, asked in order; the first that answers decides. What each looked
at stands in the path of the fact, so that "why did this call go there?" has one exact answer.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from domain import call, capacity, dnc, hours, numbers, presence, tolls, windows
from domain.call import CallSession
from domain.capacity import Capacity, Limit
from domain.directory import Directory, body_of, live_flow
from domain.directory import device_id as device_of_login
from domain.dnc import DncList
from domain.presence import Presence
from domain.windows import Checked, Subjects
from events.base import AccountId, CallId, Fact, Millis
from events.call import (
    CallRouted,
    Carrier,
    Direction,
    Directive,
    Fork,
    ProxyToUser,
    Reject,
    RunFlow,
    SendOut,
    Step,
)
from events.capacity import Count, Dimension, Hold, LimitExceeded, TollFraudSuspected
from events.resources import (
    Account,
    Conference,
    Did,
    Extension,
    OutboundRoute,
    Queue,
    RingGroup,
    SipDevice,
    SipTrunk,
    SipUser,
    TimeSchedule,
    Voicemail,
)

MAX_TARGETS = 10
"""Route targets that one decision may pass before it counts as a loop."""
RETRY_AFTER = 5
"""Seconds after which a call that found no free channel may be tried again."""


class RouteRequest(NamedTuple):
    """What an edge asks. `device_id` or `auth_user` mean that the edge has seen a good digest."""

    call_id: CallId
    from_: str
    to: str
    from_domain: str | None = None
    to_domain: str | None = None
    src_ip: str | None = None
    device_id: str | None = None
    auth_user: str | None = None
    trunk_id: str | None = None
    node_id: str | None = None


class Platform(NamedTuple):
    """What the operator of the platform set for all accounts."""

    wholesale: tuple[str, ...] = ()
    """SIP host[:port] of the carriers for calls that match no route of the account."""
    max_duration_sec: int = 14_400


class Office(NamedTuple):
    """What is known of the account at the moment of the decision."""

    account_id: AccountId
    directory: Directory
    presence: Presence
    capacity: Capacity
    dnc: DncList | None = None
    """The numbers that must not be called; None: the account does not ask for that."""


@dataclass(slots=True)
class _Walk:
    """A decision under way: what is asked, what is known, what was found so far."""

    ask: RouteRequest
    office: Office
    platform: Platform
    now: Millis
    path: list[Step] = field(default_factory=list)
    direction: Direction = Direction.UNKNOWN
    from_number: str = ""
    to_number: str = ""
    caller: tuple[str, SipUser] | None = None
    did: tuple[str, Did] | None = None
    trunk: tuple[str, SipTrunk] | None = None
    target: tuple[str, str | None] | None = None
    """Kind and id of the route target to resolve."""
    vars: dict[str, str] = field(default_factory=dict)
    limits: list[Limit] = field(default_factory=list)
    windows: list[Checked] = field(default_factory=list)
    """The call limits that the call keeps to, or exceeds without being refused."""
    is_costly: bool = False
    suspicion: TollFraudSuspected | None = None
    emergency: bool = False

    @property
    def account(self) -> Account | None:
        return self.office.directory.account

    @property
    def country(self) -> str:
        return self.account.country if self.account else "US"

    def note(self, policy: str, outcome: str, detail: str = "") -> None:
        self.path.append(Step(policy, outcome, detail))

    def need(self, dimension: Dimension, id: str, maximum: int | None) -> None:
        self.limits.append(Limit(Hold(dimension, id), maximum))


Policy = Callable[[_Walk], Directive | None]


class Decision(NamedTuple):
    """The fact, and the channels and counted starts that go with it (none for a rejected or
    re-routed call)."""

    routed: CallRouted
    holds: tuple[Hold, ...]
    counts: tuple[Count, ...] = ()
    is_costly: bool = False
    alarms: tuple[LimitExceeded | TollFraudSuspected, ...] = ()


def digest_of(ask: RouteRequest) -> str:
    """Names the content of a request: the same question, the same digest."""
    parts = (
        *(ask.from_, ask.from_domain or "", ask.to, ask.to_domain or ""),
        *(ask.device_id or "", ask.auth_user or "", ask.trunk_id or ""),
    )
    return blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()


def route(
    ask: RouteRequest, session: CallSession, office: Office, platform: Platform, now: Millis
) -> tuple[CallRouted | None, list[Fact]]:
    """The answer to `ask` and the facts that go with it, all or none.

    The same question again gets the first answer and no facts; None means that the session is over
    or belongs to another account.
    """
    if session.account_id not in (None, office.account_id):
        return None, []
    request = digest_of(ask)
    if answered := call.answer_to(session, request):
        return answered, []
    if session.outcome is not None:
        return None, []
    decision = decide(ask, request, session, office, platform, now)
    routed = decision.routed
    facts: list[Fact] = [*call.route(session, routed)]
    if isinstance(routed.directive, Reject):
        return routed, [*facts, *decision.alarms]
    if session.hops or call.ends(facts):
        return routed, facts
    taken = capacity.take(
        office.capacity,
        office.account_id,
        ask.call_id,
        routed.direction,
        routed.from_number,
        routed.to_number,
        decision.holds,
        now,
        decision.counts,
        ask.node_id,
        decision.is_costly,
    )
    return routed, [*facts, *taken, *(decision.alarms if taken else ())]


def decide(
    ask: RouteRequest,
    request: str,
    session: CallSession,
    office: Office,
    platform: Platform,
    now: Millis,
) -> Decision:
    """Where the call goes now. Never refuses: what cannot go anywhere is a `Reject`.

    `request` is the digest of `ask`.
    """
    walk = _Walk(ask, office, platform, now, from_number=ask.from_, to_number=ask.to)
    directive = _first_answer(walk, first=not session.hops)
    if len(session.hops) >= call.MAX_HOPS:
        directive = Reject(code=482, reason="Loop Detected")
    if isinstance(directive, Reject):
        walk.note("answer", "reject", f"{directive.code} {directive.reason}")
    held = not session.hops and not isinstance(directive, Reject)
    return Decision(
        CallRouted(
            account_id=office.account_id,
            at=now,
            call_id=ask.call_id,
            hop=len(session.hops) + 1,
            request=request,
            direction=walk.direction,
            from_number=walk.from_number,
            to_number=walk.to_number,
            src_ip=ask.src_ip,
            node_id=ask.node_id,
            did_id=walk.did[0] if walk.did else None,
            trunk_id=walk.trunk[0] if walk.trunk else None,
            caller_user_id=walk.caller[0] if walk.caller else None,
            directive=directive,
            path=tuple(walk.path),
        ),
        tuple(limit.hold for limit in walk.limits) if held else (),
        tuple(Count(*one.window, one.limit.period_sec) for one in walk.windows) if held else (),
        walk.is_costly and held,
        tuple(_alarms(walk, held)),
    )


def _first_answer(walk: _Walk, first: bool) -> Directive:
    for policy in POLICIES:
        if (directive := policy(walk)) is not None:
            return directive
    directive = _resolve(walk)
    return _admit(walk, directive) if first else directive


# Policies: what is asked, and may it be asked


def _identify(walk: _Walk) -> Directive | None:
    """Who calls: a device whose digest was good, or a trunk, or somebody unknown."""
    ask, directory = walk.ask, walk.office.directory
    device_id = ask.device_id
    if device_id is None and ask.auth_user is not None:
        device_id = device_of_login(directory, ask.auth_user, ask.from_domain or "")
    device = body_of(directory, device_id, SipDevice)
    user = body_of(directory, device.user_id, SipUser) if device else None
    if device is not None and user is not None:
        walk.caller = (device.user_id, user)
        walk.from_number = user.username
        walk.note("identify", "device", f"{device_id} of {device.user_id}")
    elif found := _source_trunk(ask, directory):
        walk.trunk = found
        walk.note("identify", "trunk", found[0])
    else:
        walk.note("identify", "unknown", ask.src_ip or "")
    return None


def _source_trunk(ask: RouteRequest, directory: Directory) -> tuple[str, SipTrunk] | None:
    named = directory.trunks.get(ask.trunk_id or "")
    if named is not None and named.status == "active":
        return ask.trunk_id or "", named
    if ask.src_ip is not None:
        for id, trunk in directory.trunks.items():
            if trunk.status == "active" and _lies_in(ask.src_ip, trunk.inbound_ips):
                return id, trunk
    return None


@lru_cache(maxsize=65_536)
def _lies_in(address: str, networks: tuple[str, ...]) -> bool:
    try:
        source = ip_address(address)
    except ValueError:
        return False
    return any(source in ip_network(network, strict=False) for network in networks)


def _classify(walk: _Walk) -> Directive | None:
    """Inbound, internal or outbound (spec 03, step 1)."""
    directory, dialled = walk.office.directory, numbers.user_part(walk.ask.to)
    if walk.account is None:
        walk.note("classify", "nothing_here", dialled)
        return Reject(code=404, reason="Not Found")
    if walk.caller is None:
        return _classify_inbound(walk, dialled)
    if numbers.is_emergency(dialled, walk.country):
        walk.direction, walk.to_number, walk.emergency = Direction.OUTBOUND, dialled, True
        walk.note("classify", "emergency", dialled)
    elif extension := directory.extensions.get(dialled):
        walk.direction, walk.to_number = Direction.INTERNAL, dialled
        walk.target = ("extension", extension)
        walk.note("classify", "internal", f"extension {extension}")
    elif user := directory.users.get(dialled):
        walk.direction, walk.to_number, walk.target = Direction.INTERNAL, dialled, ("user", user)
        walk.note("classify", "internal", f"user {user}")
    elif number := numbers.normalise(dialled, walk.country):
        walk.direction, walk.to_number = Direction.OUTBOUND, number
        walk.note("classify", "outbound", number)
    else:
        walk.note("classify", "no_number", dialled)
        return Reject(code=404, reason="Not Found")
    return None


def _classify_inbound(walk: _Walk, dialled: str) -> Directive | None:
    directory = walk.office.directory
    id = directory.dids.get(dialled) or directory.dids.get(
        numbers.normalise(dialled, walk.country) or ""
    )
    did = body_of(directory, id, Did)
    if id is None or did is None or did.status == "disabled":
        walk.note("classify", "no_such_number", dialled)
        return Reject(code=404, reason="Not Found")
    walk.direction, walk.did, walk.to_number = Direction.INBOUND, (id, did), did.e164
    caller = numbers.user_part(walk.ask.from_)
    walk.from_number = numbers.normalise(caller, walk.country) or caller
    walk.vars = {"caller_cid": walk.from_number, "called_did": did.e164, **(did.dest_xform or {})}
    walk.note("classify", "inbound", id)
    walk.target = _by_hours(walk, did) or (
        (did.dest_kind, did.dest_id) if did.dest_kind else _default_target(walk)
    )
    return None


def _standing(walk: _Walk) -> Directive | None:
    """A suspended or closed account makes no calls, but for help."""
    if walk.account and walk.account.status != "active" and not walk.emergency:
        walk.note("account", walk.account.status)
        return Reject(code=403, reason="Account Suspended")
    return None


def _anonymous(walk: _Walk) -> Directive | None:
    if walk.did is None or walk.did[1].allow_anonymous:
        return None
    if numbers.user_part(walk.ask.from_).lower() not in numbers.ANONYMOUS:
        return None
    walk.note("anonymous", "refused", walk.did[0])
    return Reject(code=603, reason="Anonymity Disallowed")


def _do_not_call(walk: _Walk) -> Directive | None:
    """Who must not be called is not called, if the account wants that of its outbound calls too."""
    if walk.direction is not Direction.OUTBOUND or walk.emergency or walk.office.dnc is None:
        return None
    if not dnc.is_listed(walk.office.dnc, walk.to_number, walk.now):
        walk.note("dnc", "clear", walk.to_number)
        return None
    walk.note("dnc", "listed", walk.to_number)
    return Reject(code=403, reason="Do Not Call")


POLICIES: tuple[Policy, ...] = (_identify, _classify, _standing, _anonymous, _do_not_call)


# Targets: what the request leads to


def _resolve(walk: _Walk) -> Directive:
    """Follow route targets until one is something that an edge can do."""
    if walk.direction is Direction.OUTBOUND:
        return _send_out(walk)
    seen: set[tuple[str, str | None]] = set()
    while walk.target is not None:
        if walk.target in seen or len(seen) >= MAX_TARGETS:
            walk.note("target", "loop", f"{walk.target[0]} {walk.target[1]}")
            return Reject(code=482, reason="Loop Detected")
        seen.add(walk.target)
        kind, id = walk.target
        walk.target = None
        if (directive := _follow(walk, kind, id)) is not None:
            return directive
    return Reject(code=404, reason="Not Found")


def _follow(walk: _Walk, kind: str, id: str | None) -> Directive | None:
    """The directive of this target, or None after `walk.target` was set to the next one."""
    directory = walk.office.directory
    match kind:
        case "flow" if flow := live_flow(directory, id):
            walk.note("target", "flow", f"{id} v{flow.version}")
            return RunFlow(flow_id=id or "", flow_version=flow.version, vars=walk.vars)
        case "queue" if body_of(directory, id, Queue):
            return _one_node_flow(walk, kind, id)
        case "voicemail" if body_of(directory, id, Voicemail):
            return _one_node_flow(walk, kind, id)
        case "ring_group" if body_of(directory, id, RingGroup):
            return _one_node_flow(walk, kind, id)
        case "conference" if body_of(directory, id, Conference):
            return _one_node_flow(walk, kind, id)
        case "extension" if extension := body_of(directory, id, Extension):
            walk.note("target", "extension", id or "")
            if extension.status == "active" and extension.dest_kind:
                here = (extension.dest_kind, extension.dest_id)
                walk.target = _by_hours(walk, extension) or here
                walk.vars |= extension.dest_xform or {}
                return None
            return Reject(code=404, reason="Not Found")
        case "user" if user := body_of(directory, id, SipUser):
            return _ring_user(walk, id or "", user)
        case "trunk" if (trunk := body_of(directory, id, SipTrunk)) and _takes_calls(trunk):
            walk.note("target", "trunk", id or "")
            return _through_trunks(walk, [(id or "", trunk, walk.to_number)])
        case "hangup":
            walk.note("target", "hangup")
            return Reject(code=603, reason="Decline")
    walk.note("target", "missing", f"{kind} {id}")
    walk.target = _default_target(walk)
    return None


def _by_hours(walk: _Walk, row: Did | Extension) -> tuple[str, str | None] | None:
    """Where the call goes instead because of the hour; None: where it goes anyway."""
    if row.schedule_id is None:
        return None
    timezone = walk.account.timezone if walk.account else "UTC"
    schedule = body_of(walk.office.directory, row.schedule_id, TimeSchedule)
    answer = hours.look_up(schedule, walk.now, timezone)
    walk.note("hours", answer.hours, f"{row.schedule_id} {answer.label}".strip())
    if answer.warning:
        walk.note("hours", "warning", answer.warning)
    return hours.diversion(row, answer.hours)


def _default_target(walk: _Walk) -> tuple[str, str | None] | None:
    """Where the account sends what has no (valid) target."""
    account = walk.account
    if account is None or account.did_default_dest_kind is None:
        walk.note("target", "no_default")
        return None
    walk.note("target", "default", account.did_default_dest_kind)
    return account.did_default_dest_kind, account.did_default_dest_id


def _one_node_flow(walk: _Walk, kind: str, id: str | None) -> RunFlow:
    walk.note("target", kind, id or "")
    return RunFlow(flow_id=f"{kind}:{id}", flow_version=0, vars=walk.vars)


def _ring_user(walk: _Walk, id: str, user: SipUser) -> Directive | None:
    """User rules in order: forward always, do not disturb, busy, devices, none reachable."""
    if user.status != "active":
        return _instead(walk, id, user, "disabled", None, None, 480, "Temporarily Unavailable")
    if user.fwd_always_kind:
        walk.note("user", "forward_always", id)
        walk.target = (user.fwd_always_kind, user.fwd_always_id)
        return None
    busy = (user.fwd_busy_kind, user.fwd_busy_id, 486, "Busy Here")
    if user.dnd:
        return _instead(walk, id, user, "dnd", *busy)
    line = Limit(Hold(Dimension.USER, id), user.max_simultaneous)
    if capacity.exhausted(walk.office.capacity, walk.ask.call_id, [line]):
        return _instead(walk, id, user, "busy", *busy)
    forks = forks_of(walk.office, id, user)
    if not forks:
        away = (user.fwd_noanswer_kind, user.fwd_noanswer_id, 480, "Temporarily Unavailable")
        return _instead(walk, id, user, "unreachable", *away)
    walk.limits.append(line)
    walk.note("user", "ring", f"{id} at {len(forks)} device(s)")
    on_fail = (user.fwd_noanswer_kind, user.fwd_noanswer_id)
    if on_fail[0] is None and user.voicemail_id:
        on_fail = ("voicemail", user.voicemail_id)
    return ProxyToUser(
        user_id=id,
        aors=forks,
        parallel=user.ring_strategy != "sequential",
        caller_id=walk.from_number,
        ring_timeout_sec=user.ring_timeout_sec,
        on_fail_kind=on_fail[0],
        on_fail_id=on_fail[1],
    )


def _instead(
    walk: _Walk,
    id: str,
    user: SipUser,
    why: str,
    kind: str | None,
    target_id: str | None,
    code: int,
    reason: str,
) -> Directive | None:
    """The user does not take the call: its forward for this case, else voicemail, else reject."""
    walk.note("user", why, id)
    if kind:
        walk.target = (kind, target_id)
    elif user.voicemail_id:
        walk.target = ("voicemail", user.voicemail_id)
    else:
        return Reject(code=code, reason=reason)
    return None


def forks_of(office: Office, user_id: str, user: SipUser) -> tuple[Fork, ...]:
    """The devices to ring: all at once, one after the other, or only the first."""
    directory = office.directory
    found: list[tuple[str, SipDevice]] = []
    for device_id in directory.devices_of.get(user_id, ()):
        device = body_of(directory, device_id, SipDevice)
        if device is None or device.status != "active":
            continue
        if presence.is_reachable(office.presence, device_id):
            found.append((device_id, device))
    found.sort(key=lambda pair: (pair[1].ring_order, pair[0]))
    if user.ring_strategy == "simultaneous":
        found = [pair for pair in found if pair[1].ring_on_fork]
    elif user.ring_strategy == "specific":
        found = found[:1]
    sequential = user.ring_strategy == "sequential"
    return tuple(
        Fork(
            aor=f"sip:{device.auth_username}@{device.realm}",
            device_id=device_id,
            delay_sec=index * user.ring_timeout_sec if sequential else 0,
            timeout_sec=user.ring_timeout_sec,
        )
        for index, (device_id, device) in enumerate(found)
    )


# Outbound


def send_out(
    office: Office, platform: Platform, call_id: CallId, caller: str, number: str, now: Millis
) -> Directive:
    """Where a call of the account to `number` (E.164, or an emergency number) would go out."""
    walk = _Walk(RouteRequest(call_id, caller, number), office, platform, now)
    walk.direction, walk.from_number, walk.to_number = Direction.OUTBOUND, caller, number
    walk.emergency = numbers.is_emergency(number, walk.country)
    return _standing(walk) or _send_out(walk)


def _send_out(walk: _Walk) -> Directive:
    found = [candidate for candidate in _candidates(walk) if _takes_calls(candidate[1])]
    if found:
        return _through_trunks(walk, found)
    if not walk.platform.wholesale:
        walk.note("carrier", "none")
        return Reject(code=404, reason="No Route To Destination")
    walk.note("carrier", "wholesale")
    return SendOut(
        trunk_id=None,
        gateways=tuple(
            Carrier(uri=f"sip:{walk.to_number}@{host}") for host in walk.platform.wholesale
        ),
        number=walk.to_number,
        caller_id=_outbound_cid(walk, None),
        max_duration_sec=walk.platform.max_duration_sec,
    )


def _candidates(walk: _Walk) -> Iterable[tuple[str, SipTrunk, str]]:
    """Trunk id, trunk and the number as to be dialled there, best first."""
    directory, number = walk.office.directory, walk.to_number
    trunks = directory.trunks
    matching = [r for r in directory.routes.values() if _matches(r, number)]
    matching.sort(
        key=lambda r: (r.priority, r.cost_micros_per_min or 0, -len(r.match_prefix or ""))
    )
    for route in matching:
        for id in route.trunk_ids:
            if trunk := trunks.get(id):
                yield id, trunk, route.prepend + number[route.strip_digits :]
    if not matching and (not directory.routes or walk.emergency):
        for id in sorted(trunks):
            yield id, trunks[id], number


def _takes_calls(trunk: SipTrunk) -> bool:
    """Whether calls can be sent to the trunk."""
    return trunk.status == "active" and trunk.direction != "inbound" and bool(trunk.proxy)


def _matches(route: OutboundRoute, number: str) -> bool:
    if route.status != "active":
        return False
    if route.match_regex:
        return re.fullmatch(route.match_regex, number) is not None
    return number.startswith(route.match_prefix or "")


def _through_trunks(walk: _Walk, found: list[tuple[str, SipTrunk, str]]) -> Directive:
    """The trunks that have a channel left, in order; the first of them is held."""
    free: list[tuple[str, SipTrunk, str]] = []
    for id, trunk, number in found:
        limit = Limit(Hold(Dimension.TRUNK, id), trunk.max_channels)
        full = capacity.exhausted(walk.office.capacity, walk.ask.call_id, [limit])
        if full and not walk.emergency:
            walk.note("carrier", "full", f"{id} {full.used}/{trunk.max_channels}")
        else:
            free.append((id, trunk, number))
    if not free:
        return Reject(code=503, reason="No Trunk Available", retry_after=RETRY_AFTER)
    id, trunk, number = free[0]
    walk.need(Dimension.TRUNK, id, trunk.max_channels)
    walk.note("carrier", "trunk", " ".join(id for id, _, _ in free))
    return SendOut(
        trunk_id=id,
        gateways=tuple(_carrier(*candidate) for candidate in free),
        number=number,
        caller_id=_outbound_cid(walk, trunk),
        max_duration_sec=walk.platform.max_duration_sec,
    )


def _carrier(id: str, trunk: SipTrunk, number: str) -> Carrier:
    return Carrier(
        uri=f"sip:{number}@{trunk.proxy}",
        trunk_id=id,
        transport=trunk.transport,
        realm=trunk.realm,
        auth_username=trunk.auth_username,
        auth_secret_ref=trunk.auth_secret_ref,
        from_user=trunk.from_user,
        from_domain=trunk.from_domain,
    )


def _outbound_cid(walk: _Walk, trunk: SipTrunk | None) -> str:
    """The number shown to the called party: of the user, account, trunk, or the caller's own."""
    user = walk.caller[1] if walk.caller else None
    account = walk.account
    return (
        (user.out_cid_number if user else None)
        or (account.default_cid_number if account else None)
        or (trunk.cid_number if trunk else None)
        or walk.from_number
    )


# Admission


def _admit(walk: _Walk, directive: Directive) -> Directive:
    """All channels that the call needs, at once (spec 06); emergency calls need none."""
    if isinstance(directive, Reject) or walk.account is None:
        return directive
    if walk.emergency:
        walk.limits = []
        walk.note("admission", "emergency")
        return directive
    account_id = walk.office.account_id
    if walk.direction is Direction.INBOUND:
        walk.need(Dimension.ACCOUNT_IN, account_id, walk.account.max_in)
    if walk.direction is Direction.OUTBOUND:
        walk.need(Dimension.ACCOUNT_OUT, account_id, walk.account.max_out)
    if walk.did:
        walk.need(Dimension.DID, walk.did[0], walk.did[1].max_channels)
    if walk.trunk:
        walk.need(Dimension.TRUNK, walk.trunk[0], walk.trunk[1].max_channels)
    if walk.caller:
        walk.need(Dimension.USER, walk.caller[0], walk.caller[1].max_simultaneous)
    full = capacity.exhausted(walk.office.capacity, walk.ask.call_id, walk.limits)
    if full is None:
        for (dimension, id), maximum in walk.limits:
            in_use = capacity.used(walk.office.capacity, Hold(dimension, id))
            ceiling = "-" if maximum is None else maximum
            walk.note(f"limit:{dimension}", "free", f"{id} {in_use}/{ceiling}")
        return _keep_to_windows(walk, directive)
    (dimension, id), maximum = full.limit
    walk.note(f"limit:{dimension}", "exhausted", f"{id} {full.used}/{maximum}")
    if dimension in (Dimension.DID, Dimension.USER):
        return Reject(code=486, reason="Busy Here")
    return Reject(code=503, reason="Channel Limit Reached", retry_after=RETRY_AFTER)


def _keep_to_windows(walk: _Walk, directive: Directive) -> Directive:
    """The call limits that match: a hard one refuses what is beyond, another one lets it pass."""
    state = walk.office.capacity.windows
    limits = walk.office.directory.limits.items()
    for one in windows.check(state, limits, walk.direction, _subjects(walk, directive), walk.now):
        (limit_id, scope_id), limit, used = one
        outcome = ("exhausted" if limit.hard else "exceeded") if one.is_exceeded else "free"
        usage = f"{limit_id} {scope_id} {used}/{limit.max_count} in {limit.period_sec} s"
        walk.note(f"limit:{limit.scope_kind}_rate", outcome, usage)
        if one.is_exceeded and limit.hard:
            wait = windows.retry_after(state, one, walk.now)
            return Reject(code=503, reason="Call Rate Limit Reached", retry_after=wait)
        walk.windows.append(one)
    return _look_at_tolls(walk, directive)


def _look_at_tolls(walk: _Walk, directive: Directive) -> Directive:
    """A sudden rate of costly calls is said or refused, as the account wants it."""
    account, state = walk.account, walk.office.capacity.tolls
    if walk.direction is not Direction.OUTBOUND or account is None or account.toll_fraud == "off":
        return directive
    if not numbers.is_costly(walk.to_number, walk.country):
        return directive
    walk.is_costly = True
    count, usual = tolls.count(state, walk.now), tolls.usual(state, walk.now)
    is_sudden = tolls.is_sudden(state, walk.now)
    walk.note("tolls", "sudden" if is_sudden else "usual", f"{count}/{usual} in this hour")
    if not is_sudden:
        return directive
    if not tolls.is_alarmed(state, walk.now):
        walk.suspicion = TollFraudSuspected(
            account_id=walk.office.account_id,
            at=walk.now,
            call_id=walk.ask.call_id,
            number=walk.to_number,
            count=count,
            usual=usual,
            action=account.toll_fraud,
        )
    if account.toll_fraud == "block":
        return Reject(code=403, reason="Toll Fraud Suspected")
    return directive


def _subjects(walk: _Walk, directive: Directive) -> Subjects:
    called = directive.user_id if isinstance(directive, ProxyToUser) else None
    users = (walk.caller[0] if walk.caller else None, called)
    outside = {Direction.INBOUND: walk.from_number, Direction.OUTBOUND: walk.to_number}
    number = outside.get(walk.direction)
    return Subjects(
        account_id=walk.office.account_id,
        users=tuple(dict.fromkeys(user for user in users if user)),
        dids=(walk.did[0],) if walk.did else (),
        numbers=(number,) if number else (),
    )


def _alarms(walk: _Walk, held: bool) -> Iterator[LimitExceeded | TollFraudSuspected]:
    if held:
        yield from (_exceeded(walk, one) for one in walk.windows if one.is_exceeded)
    if walk.suspicion is not None:
        yield walk.suspicion


def _exceeded(walk: _Walk, one: Checked) -> LimitExceeded:
    return LimitExceeded(
        account_id=walk.office.account_id,
        at=walk.now,
        call_id=walk.ask.call_id,
        limit_id=one.window.limit_id,
        scope_kind=one.limit.scope_kind,
        scope_id=one.window.scope_id,
        used=one.used,
        max_count=one.limit.max_count,
        period_sec=one.limit.period_sec,
    )
