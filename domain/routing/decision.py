"""A route request and its one answer."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from domain import call, capacity, costs, numbers
from domain.call import CallSession
from domain.routing.admission import admit, alarms
from domain.routing.outbound import carry_out
from domain.routing.policies import POLICIES, do_not_call, standing
from domain.routing.targets import resolve
from domain.routing.walk import Office, Platform, RouteRequest, Walk
from events.base import CallId, Fact, Millis
from events.call import (
    CallRouted,
    Direction,
    Directive,
    Reject,
    Step,
)
from events.capacity import Count, Hold, LimitExceeded, TollFraudSuspected


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
    facts: list[Fact] = [*costs.priced(session, call.route(session, routed), office.directory)]
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
    walk = Walk(ask, office, platform, now, from_number=ask.from_, to_number=ask.to)
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
            asked=_asked(walk),
        ),
        tuple(limit.hold for limit in walk.limits) if held else (),
        tuple(Count(*one.window, one.limit.period_sec) for one in walk.windows) if held else (),
        walk.is_costly and held,
        tuple(alarms(walk, held)),
    )


def _asked(walk: Walk) -> dict[str, str]:
    ask = walk.ask
    given = {
        "from": ask.from_ if ask.from_ != walk.from_number else None,
        "to": ask.to if ask.to != walk.to_number else None,
        "from_domain": ask.from_domain,
        "to_domain": ask.to_domain,
        "device_id": ask.device_id,
        "auth_user": ask.auth_user,
        "trunk_id": ask.trunk_id,
    }
    return {name: value for name, value in given.items() if value is not None}


def asked_again(routed: CallRouted) -> RouteRequest:
    """The request that was decided."""
    asked = routed.asked
    return RouteRequest(
        call_id=routed.call_id,
        from_=asked.get("from", routed.from_number),
        to=asked.get("to", routed.to_number),
        from_domain=asked.get("from_domain"),
        to_domain=asked.get("to_domain"),
        src_ip=routed.src_ip,
        device_id=asked.get("device_id"),
        auth_user=asked.get("auth_user"),
        trunk_id=asked.get("trunk_id"),
        node_id=routed.node_id,
    )


def _first_answer(walk: Walk, first: bool) -> Directive:
    for policy in POLICIES:
        if (directive := policy(walk)) is not None:
            return directive
    directive = resolve(walk)
    return admit(walk, directive) if first else directive


class WayOut(NamedTuple):
    """How a leg of an open call goes out (or a `Reject`), what it holds and what it counts for."""

    directive: Directive
    path: tuple[Step, ...]
    holds: tuple[Hold, ...] = ()
    counts: tuple[Count, ...] = ()
    is_costly: bool = False
    alarms: tuple[LimitExceeded | TollFraudSuspected, ...] = ()


def send_out(
    office: Office,
    platform: Platform,
    call_id: CallId,
    caller: str,
    number: str,
    now: Millis,
    users: Iterable[str] = (),
) -> WayOut:
    """Where a leg of an open call to `number` (E.164, or an emergency number) goes out: admitted as
    an outbound call is. `users`: who lets it go out."""
    walk = Walk(RouteRequest(call_id, caller, number), office, platform, now)
    walk.direction, walk.from_number, walk.to_number = Direction.OUTBOUND, caller, number
    walk.emergency, walk.senders = numbers.is_emergency(number, walk.country), tuple(users)
    directive = standing(walk) or do_not_call(walk) or admit(walk, carry_out(walk))
    if isinstance(directive, Reject):
        return WayOut(directive, tuple(walk.path), alarms=tuple(alarms(walk, held=False)))
    return WayOut(
        directive,
        tuple(walk.path),
        tuple(limit.hold for limit in walk.limits),
        tuple(Count(*one.window, one.limit.period_sec) for one in walk.windows),
        walk.is_costly,
        tuple(alarms(walk, held=True)),
    )
