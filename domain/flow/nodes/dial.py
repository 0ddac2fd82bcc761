"""dial: ring a user, an extension, a number, a SIP address or a forward."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from domain import hours, numbers
from domain.directory import body_of
from domain.flow import legs
from domain.flow.node import (
    POLL_MS,
    Done,
    Flag,
    Leave,
    Next,
    NodeData,
    Seconds,
    Visit,
    Wait,
)
from events.flow import Dial as DialCommand
from events.flow import Leg
from events.resources import Extension, Forward, SipUser, TimeSchedule

MAX_FORWARDS = 5


class Dial(NodeData):
    kind: Literal["dial"]
    target: Literal["user", "extension", "number", "sip", "forward"]
    id: Annotated[str, Field(min_length=1, max_length=255)]
    """A row's id, a number, or a SIP URI; the latter two may hold variables."""
    timeoutSec: Seconds = 25
    callerId: Annotated[str, Field(max_length=64)] | None = None
    recording: Flag = 0
    outcomes = ("answered", "no_answer", "busy", "failed")

    @property
    def sender(self) -> str | None:
        """The user who lets the call go out, beside the caller himself."""
        return None

    @property
    def forwards(self) -> bool:
        """Whether a user who forwards all his calls is left alone."""
        return True

    @model_validator(mode="after")
    def _is_an_address(self) -> Self:
        if self.target == "sip" and not self.id.startswith(("sip:", "sips:")):
            raise ValueError("a SIP address begins with sip: or sips:")
        return self


def run(node: Dial, visit: Visit) -> Next:
    if visit.answer is not None:
        return _reported(node, visit, visit.answer.outcome)
    match node.target:
        case "user":
            return _user(node, visit, node.id)
        case "extension":
            return _extension(node, visit)
        case "number":
            return _number(node, visit, visit.text(node.id))
        case "forward":
            return _forward(node, visit)
    return _sip(node, visit, visit.text(node.id))


def _sip(node: Dial, visit: Visit, uri: str, caller_id: str | None = None) -> Next:
    if not numbers.is_sip_uri(uri):
        visit.note = "not a SIP address"
        return Done("failed")
    found = (Leg(uri=uri, timeout_ms=node.timeoutSec * 1000),)
    return _dial(node, visit, found, caller_id=caller_id)


def _forward(node: Dial, visit: Visit) -> Next:
    forward = body_of(visit.context.directory, node.id, Forward)
    if forward is None:
        visit.note = f"no forward {node.id}"
        return Done("failed")
    shown = _shown_by(forward, visit)
    if numbers.is_sip_uri(forward.to):
        return _sip(node, visit, forward.to, shown)
    return _number(node, visit, f"+{forward.to}", shown)


def _shown_by(forward: Forward, visit: Visit) -> str | None:
    """The number that the forward wants to be shown; None: what the way out shows. A caller
    without a number has none that could be kept."""
    account, caller = visit.context.account, visit.context.from_number
    match forward.cid_policy:
        case "number":
            return forward.cid_number
        case "account":
            return account.default_cid_number
    return caller if numbers.normalise(f"+{caller}", account.country) else None


def _reported(node: Dial, visit: Visit, outcome: str) -> Next:
    if outcome in ("answered", "done"):
        return Done("answered", is_end=True)
    outcome = outcome if outcome in node.outcomes else "failed"
    user = body_of(visit.context.directory, node.id, SipUser) if node.target == "user" else None
    return Done(outcome, legs.instead_of(user, outcome))


def _user(node: Dial, visit: Visit, id: str) -> Next:
    context = visit.context
    for _ in range(MAX_FORWARDS):
        user = body_of(context.directory, id, SipUser)
        if user is None or user.fwd_always_kind is None or not node.forwards:
            break
        visit.note = f"{id} forwards to {user.fwd_always_kind} {user.fwd_always_id}"
        if user.fwd_always_kind != "user":
            return Leave(user.fwd_always_kind, user.fwd_always_id)
        id = user.fwd_always_id or ""
    if user is None:
        visit.note = f"no user {id}"
        return Done("failed")
    found, why = legs.of_user(context, id, user, node.timeoutSec)
    if found:
        return _dial(node, visit, found, users=(id,))
    visit.note = f"{id}: {why}"
    outcome = {"dnd": "busy", "busy": "busy", "disabled": "failed"}.get(why, "no_answer")
    return Done(outcome, legs.instead_of(user, outcome))


def _extension(node: Dial, visit: Visit) -> Next:
    context = visit.context
    extension = body_of(context.directory, node.id, Extension)
    if extension is None or extension.status != "active" or extension.dest_kind is None:
        visit.note = f"no extension {node.id}"
        return Done("failed")
    schedule = body_of(context.directory, extension.schedule_id, TimeSchedule)
    if extension.schedule_id is not None:
        found = hours.look_up(schedule, context.now, context.account.timezone)
        if diverted := hours.diversion(extension, found.hours):
            return Leave(*diverted)
    if extension.dest_kind == "user" and extension.dest_id:
        return _user(node, visit, extension.dest_id)
    return Leave(extension.dest_kind, extension.dest_id)


def _number(node: Dial, visit: Visit, wanted: str, shown: str | None = None) -> Next:
    country = visit.context.account.country
    number = numbers.normalise(wanted, country)
    if numbers.is_emergency(wanted, country):
        number = wanted
    if number is None:
        visit.note = f"{wanted} is no number"
        return Done("failed")
    way = legs.of_number(visit.context, number, node.timeoutSec, node.sender)
    visit.note = way.note
    visit.admitted.append(way.admitted)
    if not way.legs:
        return Done("failed")
    found = _dial(node, visit, way.legs, "failover", shown or way.caller_id, trunks=way.trunks)
    return found._replace(number=way.number)


def _dial(
    node: Dial,
    visit: Visit,
    found: tuple[Leg, ...],
    strategy: str = "parallel",
    caller_id: str | None = None,
    users: tuple[str, ...] = (),
    trunks: tuple[str, ...] = (),
) -> Wait:
    shown = visit.text(node.callerId) if node.callerId else caller_id or visit.context.from_number
    longest = max(leg.delay_ms + leg.timeout_ms for leg in found)
    return Wait(
        DialCommand(
            legs=found,
            strategy=strategy,
            caller_id=shown,
            timeout_ms=longest,
            record=node.recording,
            poll_ms=POLL_MS if any(leg.aor for leg in found) else None,
        ),
        users=users,
        trunks=trunks,
    )
