"""Whom a dial rings: the devices of users, and the carriers to a number."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from domain import capacity, numbers, presence, routing
from domain.capacity import Limit
from domain.directory import body_of
from domain.flow.node import Admitted, Context, Leave
from domain.flow.run import all_of
from events.call import Carrier, SendOut
from events.capacity import Dimension, Hold
from events.flow import Frame, Leg
from events.resources import SipDevice, SipUser


def of_user(context: Context, id: str, user: SipUser, seconds: int) -> tuple[tuple[Leg, ...], str]:
    """The legs, or why there are none: disabled, dnd, busy, unreachable."""
    if user.status != "active":
        return (), "disabled"
    if user.dnd:
        return (), "dnd"
    line = Limit(Hold(Dimension.USER, id), user.max_simultaneous)
    if capacity.exhausted(context.office.capacity, context.call_id, [line]):
        return (), "busy"
    forks = routing.forks_of(context.office, id, user)
    if not forks:
        return (), "unreachable"
    each = min(seconds, user.ring_timeout_sec) if user.ring_strategy == "sequential" else seconds
    found = tuple(
        Leg(aor=fork.aor, delay_ms=fork.delay_sec * 1000, timeout_ms=each * 1000) for fork in forks
    )
    return found, ""


def of_user_at_once(context: Context, id: str, seconds: int) -> tuple[Leg, ...]:
    """Every device of a user without delay: as a member of a group."""
    user = body_of(context.directory, id, SipUser)
    if user is None:
        return ()
    found, _ = of_user(context, id, user, seconds)
    update = {"delay_ms": 0, "timeout_ms": seconds * 1000}
    return tuple(leg.model_copy(update=update) for leg in found)


def of_device(context: Context, id: str, seconds: int) -> tuple[Leg, ...]:
    device = body_of(context.directory, id, SipDevice)
    if device is None or device.status != "active":
        return ()
    if not presence.is_reachable(context.office.presence, id):
        return ()
    return (Leg(aor=f"sip:{device.auth_username}@{device.realm}", timeout_ms=seconds * 1000),)


class WayOut(NamedTuple):
    """The carriers in order, and the number to show; no carriers: why."""

    legs: tuple[Leg, ...]
    caller_id: str
    note: str
    admitted: Admitted
    trunks: tuple[str, ...] = ()
    """Which of them is held: the first, as of a call that is sent out; whether another one has
    taken the leg in its place is not known before it is over."""
    number: str | None = None
    """The number, if it is paid for: calls for help are not."""


def of_number(context: Context, number: str, seconds: int, user_id: str | None = None) -> WayOut:
    """A leg to a number takes channels, and counts, as an outbound call does (spec 06). `user_id`:
    who lets it go out, beside the caller himself."""
    found = routing.send_out(
        context.office,
        context.platform,
        context.call_id,
        context.from_number,
        number,
        context.now,
        dict.fromkeys(id for id in (context.user_id, user_id) if id),
    )
    admitted = Admitted(found.counts, found.is_costly, found.alarms)
    directive = found.directive
    if not isinstance(directive, SendOut):
        last = " ".join(found.path[-1]) if found.path else "no way out"
        return WayOut((), "", f"{number} cannot be reached: {last}", admitted)
    legs = tuple(of_carrier(carrier, seconds) for carrier in directive.gateways)
    through = directive.trunk_id or "wholesale"
    trunks = (directive.trunk_id or "",) if found.holds else ()
    paid = None if numbers.is_emergency(number, context.account.country) else number
    note = f"{number} through {through}"
    return WayOut(legs, directive.caller_id, note, admitted, trunks, paid)


def holds_of(account_id: str, frames: Iterable[Frame]) -> Iterator[Hold]:
    """What the legs hold that a call has dialled where it stands."""
    for frame in all_of(frames):
        yield from (Hold(Dimension.USER, id) for id in frame.users)
        if frame.trunks:
            yield Hold(Dimension.ACCOUNT_OUT, account_id)
        yield from (Hold(Dimension.TRUNK, id) for id in frame.trunks if id)


def of_carrier(carrier: Carrier, seconds: int) -> Leg:
    return Leg(
        uri=carrier.uri,
        timeout_ms=seconds * 1000,
        transport=carrier.transport,
        trunk_id=carrier.trunk_id,
        auth_username=carrier.auth_username,
        auth_secret_ref=carrier.auth_secret_ref,
    )


def instead_of(user: SipUser | None, outcome: str) -> Leave | None:
    """Who takes the call when a user does not: the forward for this case, else the voicemail."""
    if user is None:
        return None
    if outcome == "busy" and user.fwd_busy_kind:
        return Leave(user.fwd_busy_kind, user.fwd_busy_id)
    if outcome == "no_answer" and user.fwd_noanswer_kind:
        return Leave(user.fwd_noanswer_kind, user.fwd_noanswer_id)
    return Leave("voicemail", user.voicemail_id) if user.voicemail_id else None
