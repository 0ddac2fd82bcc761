"""Commands about a call: where does it go, what became of it."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field, field_validator

from commands.acd import floor_deadlines
from commands.message import (
    CallIdField,
    Command,
    Line,
    Outcome,
    Printable,
    Timestamp,
    default_if_blank,
)
from commands.store import Deadline
from commands.world import World
from domain import call, capacity, costs, numbers, routing, rtjson
from domain.acd import agents, callers
from domain.call import CallSession, Report
from domain.routing import RouteRequest
from events.base import Millis
from events.call import CallRouted, DialogEvent, Reject
from events.capacity import ReleaseReason


class RouteCall(Command):
    """Where does this call go? (spec 03, POST /route)"""

    call_id: CallIdField
    from_: Line = Field(alias="from", max_length=255)
    to: Line = Field(min_length=1, max_length=255)
    from_domain: Printable | None = None
    to_domain: Printable | None = None
    src_ip: Printable | None = None
    device_id: Printable | None = None
    auth_user: Printable | None = None
    trunk_id: Printable | None = None
    node_id: Printable | None = None
    trace: bool = False

    _blank = field_validator("trace", mode="before")(default_if_blank)

    @field_validator("device_id", "auth_user", "trunk_id", "from_domain", "to_domain", "src_ip")
    @classmethod
    def _empty_is_none(cls, value: str | None) -> str | None:
        return value or None


def route_call(command: RouteCall, world: World) -> Outcome:
    ask = RouteRequest(
        call_id=command.call_id,
        from_=command.from_,
        to=command.to,
        from_domain=command.from_domain,
        to_domain=command.to_domain,
        src_ip=command.src_ip,
        device_id=command.device_id,
        auth_user=command.auth_user,
        trunk_id=command.trunk_id,
        node_id=command.node_id,
    )
    session, office = world.new_call(command.call_id), world.office(command.account_id)
    account = office.directory.account
    if account and account.dnc_outbound:
        office = office._replace(dnc=world.dnc(command.account_id))
    routed, facts = routing.route(ask, session, office, world.options.platform, world.now)
    first_look = Millis(world.now + call.IDLE_BEFORE_ANSWER)
    wake = [Deadline(first_look, command.account_id, ask.call_id)]
    answer = _answer(command, routed, world.options.media_uri)
    if routed and _is_scan(routed, account.country if account else "US"):
        answer["scan"] = 1  # for the gateway, which takes it out
    if facts and routed and routed.hop == 1 and isinstance(routed.directive, Reject):
        freed = callers.end_call(office, ask.call_id, world.now)
        return Outcome([*facts, *freed], answer, floor_deadlines(command.account_id, freed))
    return Outcome(facts, answer, wake if facts else ())


def _answer(command: RouteCall, routed: CallRouted | None, media_uri: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "callId": command.call_id,
        "rtjson": rtjson.render(routed, media_uri) if routed else rtjson.OVER,
    }
    if command.trace:
        answer["decision"] = [step._asdict() for step in routed.path] if routed else []
    return answer


def _is_scan(routed: CallRouted, country: str) -> bool:
    """Somebody unknown asked for what does not exist; who calls for help is not looked at."""
    known = routed.caller_user_id or routed.trunk_id or routed.did_id
    return (
        not known
        and routed.src_ip is not None
        and isinstance(routed.directive, Reject)
        and routed.directive.code == 404
        and not numbers.is_emergency(numbers.user_part(routed.to_number), country)
    )


class ReportDialog(Command):
    """An edge reports on a dialog (spec 03, POST /presence/event, type dialog)."""

    call_id: CallIdField
    event: DialogEvent
    ts: Timestamp
    sip_code: int | None = Field(default=None, ge=100, le=699)
    cause: Line | None = Field(default=None, max_length=200)
    hangup_by: Line | None = Field(default=None, max_length=64)

    _blank = field_validator("sip_code", "cause", "hangup_by", mode="before")(default_if_blank)


def report_dialog(command: ReportDialog, world: World) -> Outcome:
    """Answers `moved` when the call belongs to another account than the sender thought."""
    (session,) = world.calls([command.call_id])
    owner = session.account_id or command.account_id
    if owner != command.account_id:
        return Outcome([], {"ok": 1, "moved": owner})
    report = Report(command.event, command.ts, command.sip_code, command.cause, command.hangup_by)
    facts = call.report_dialog(session, owner, report, world.now)
    if call.ends(facts) or command.event is DialogEvent.END:
        # a call that was refused has ended before, and may have had an agent all the same
        return _ended(facts, session, ReleaseReason.ENDED, world, command)
    if facts and session.outcome is not None:
        facts = costs.priced(session, facts, world.office(owner).directory)
    if users := call.users_busy_with(session, command.event):
        office = world.office(command.account_id)
        busy = agents.begin_calls(office, command.call_id, users, world.now)
        return Outcome([*facts, *busy], {"ok": 1}, floor_deadlines(owner, busy))
    return Outcome(facts, {"ok": 1})


def _ended(
    facts: Sequence[call.CallFact],
    session: CallSession,
    reason: ReleaseReason,
    world: World,
    command: Command,
) -> Outcome:
    """The end of a call gives back its channels, its place in a queue and its agent, and says what
    it has cost, in the same commit."""
    office, call_id = world.office(command.account_id), session.call_id
    account = office.directory.account
    priced = costs.priced(session, facts, office.directory)
    costly = costs.of_costly_numbers(priced, account.country if account else "US")
    released = capacity.release(
        office.capacity, command.account_id, call_id, reason, world.now, costly
    )
    freed = callers.end_call(office, call_id, world.now)
    wake = floor_deadlines(command.account_id, freed)
    ended = call.with_queue(priced, *callers.served_by(office, call_id))
    return Outcome([*ended, *released, *freed], {"ok": 1}, wake)


class EndLostCall(Command):
    """An edge node listed its calls as of `ts`, and this one of its was not among them."""

    call_id: CallIdField
    node_id: Printable
    ts: Timestamp


def end_lost_call(command: EndLostCall, world: World) -> Outcome:
    state = world.office(command.account_id).capacity
    if not capacity.is_lost(state, command.call_id, command.node_id, command.ts):
        return Outcome([], {"ok": 1, "released": 0})
    (session,) = world.calls([command.call_id])
    facts = call.give_up(session, command.account_id, world.now)
    ended = _ended(facts, session, ReleaseReason.LOST, world, command)
    return ended._replace(reply={"ok": 1, "released": 1})


class GiveUpIdleCall(Command):
    """A deadline: end the call and release its channels if nothing was heard of it."""

    call_id: CallIdField


def give_up_idle_call(command: GiveUpIdleCall, world: World) -> Outcome:
    office = world.office(command.account_id)
    if command.call_id not in office.capacity.open:
        return Outcome([], {})
    (session,) = world.calls([command.call_id])
    due = call.idle_deadline(session, world.options.answered_idle_ms)
    if command.call_id in office.presence.floor.callers:  # its engine's polls are no facts
        heard = world.heard_of(command.account_id, command.call_id)
        due = max(due, Millis(heard + call.IDLE_BEFORE_ANSWER))
    if due > world.now:
        return Outcome([], {}, [Deadline(due, command.account_id, command.call_id)])
    facts = call.give_up(session, command.account_id, world.now)
    return _ended(facts, session, ReleaseReason.IDLE, world, command)
