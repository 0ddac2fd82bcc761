"""Whom a dial rings: the devices of users, and the carriers to a number."""

from domain import capacity, numbers, presence, routing
from domain.capacity import Limit
from domain.directory import body_of
from domain.flow.node import Context, Leave
from events.call import Carrier, SendOut
from events.capacity import Dimension, Hold
from events.flow import Leg
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


def of_number(context: Context, number: str, seconds: int) -> tuple[tuple[Leg, ...], str, str]:
    """The carriers in order, the number to show, and a note. An account without a free outbound
    channel reaches nobody but help."""
    account_id, account = context.office.account_id, context.account
    line = Limit(Hold(Dimension.ACCOUNT_OUT, account_id), account.max_out)
    if not numbers.is_emergency(number, account.country) and capacity.exhausted(
        context.office.capacity, context.call_id, [line]
    ):
        return (), "", "no outbound channel is free"
    directive = routing.send_out(
        context.office,
        context.platform,
        context.call_id,
        context.from_number,
        number,
        context.now,
    )
    if not isinstance(directive, SendOut):
        return (), "", f"{number} cannot be reached"
    legs = tuple(of_carrier(carrier, seconds) for carrier in directive.gateways)
    return legs, directive.caller_id, f"{number} through {directive.trunk_id or 'wholesale'}"


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
