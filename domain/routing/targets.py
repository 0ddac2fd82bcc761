"""What a request leads to: route targets are followed until one is something an edge can do."""

from domain import capacity, hours, presence
from domain.capacity import Limit
from domain.directory import body_of, live_flow
from domain.routing.outbound import Candidate, carry_out, takes_calls, through_trunks
from domain.routing.walk import Office, Walk
from events.call import (
    Direction,
    Directive,
    Fork,
    ProxyToUser,
    Reject,
    RunFlow,
)
from events.capacity import Dimension, Hold
from events.resources import (
    Conference,
    Did,
    Extension,
    Forward,
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


def resolve(walk: Walk) -> Directive:
    """Follow route targets until one is something that an edge can do."""
    if walk.direction is Direction.OUTBOUND:
        return carry_out(walk)
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


def _follow(walk: Walk, kind: str, id: str | None) -> Directive | None:
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
        case "forward" if body_of(directory, id, Forward):
            return _one_node_flow(walk, kind, id)
        case "extension" if extension := body_of(directory, id, Extension):
            walk.note("target", "extension", id or "")
            if extension.status == "active" and extension.dest_kind:
                here = (extension.dest_kind, extension.dest_id)
                walk.target = by_hours(walk, extension) or here
                walk.vars |= extension.dest_xform or {}
                return None
            return Reject(code=404, reason="Not Found")
        case "user" if user := body_of(directory, id, SipUser):
            return _ring_user(walk, id or "", user)
        case "trunk" if (trunk := body_of(directory, id, SipTrunk)) and takes_calls(trunk):
            walk.note("target", "trunk", id or "")
            return through_trunks(walk, [Candidate(id or "", trunk, walk.to_number)])
        case "hangup":
            walk.note("target", "hangup")
            return Reject(code=603, reason="Decline")
    walk.note("target", "missing", f"{kind} {id}")
    walk.target = default_target(walk)
    return None


def by_hours(walk: Walk, row: Did | Extension) -> tuple[str, str | None] | None:
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


def default_target(walk: Walk) -> tuple[str, str | None] | None:
    """Where the account sends what has no (valid) target."""
    account = walk.account
    if account is None or account.did_default_dest_kind is None:
        walk.note("target", "no_default")
        return None
    walk.note("target", "default", account.did_default_dest_kind)
    return account.did_default_dest_kind, account.did_default_dest_id


def _one_node_flow(walk: Walk, kind: str, id: str | None) -> RunFlow:
    walk.note("target", kind, id or "")
    return RunFlow(flow_id=f"{kind}:{id}", flow_version=0, vars=walk.vars)


def _ring_user(walk: Walk, id: str, user: SipUser) -> Directive | None:
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
    walk: Walk,
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
