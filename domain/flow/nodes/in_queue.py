"""What a waiting caller gets for a digit: the options of a queue (spec 05, While waiting)."""

import orjson

from domain.acd import callers
from domain.acd.callers import Connected, Ringing, Waiting
from domain.directory import options_of
from domain.flow import waiting
from domain.flow.node import Done, Leave, Next, Stay, Visit, Wait, leave_to, over
from domain.numbers import normalise
from events.acd import Departure
from events.flow import Play, Request
from events.resources import InQueueOption, Queue

WAITING, ASKING, LEAVING = 0, 1, 2
"""Stages of a caller in a queue: he waits; a program is asked because of a digit; he hears that he
will be called back."""
DIGIT = "queue_option"
"""Variable that has the digit that the caller has pressed last."""
TIMEOUT_MS = 2_000


def chosen(queue_id: str, queue: Queue, visit: Visit, digits: str) -> Next | None:
    """None: nothing stands behind this digit."""
    option = _option(visit, queue_id, digits)
    if option is None:
        return None
    visit.set(DIGIT, digits)
    visit.note = f"{digits}: {option.label or option.action}"
    match option.action:
        case "webhook":
            return Wait(_request(visit, queue_id, option), ASKING, leases=visit.frame.leases)
        case "callback":
            return _call_back(visit, queue_id)
        case "hangup":
            _leave(visit, Departure.ABANDONED)
            return over()
    _leave(visit, Departure.ROUTED)
    target = leave_to(option.dest_kind, option.dest_id)
    if option.action == "route" and target:
        return target
    return Done("deflected", target or _deflection(queue))


def go_on(queue_id: str, queue: Queue, visit: Visit, outcome: str) -> Next:
    """After the program was asked, or after the last words."""
    if visit.frame.stage == LEAVING:
        return over()
    option = _option(visit, queue_id, visit.variables.get(DIGIT, ""))
    visit.note = f"{visit.variables.get(DIGIT, '')}: {outcome}"
    if option is None or option.stay_in_queue:
        return _stay(queue_id, queue, visit)
    _leave(visit, Departure.ROUTED)
    return Done("deflected", leave_to(option.dest_kind, option.dest_id) or _deflection(queue))


def _stay(queue_id: str, queue: Queue, visit: Visit) -> Next:
    """Back to the music; who rings for him meanwhile comes with the next poll."""
    place = callers.place_of(visit.center.desk, visit.context.call_id)
    if isinstance(place, Connected):
        return Stay()
    shown = place if isinstance(place, Waiting) else Waiting(1, 0)
    told = visit.frame.leases if isinstance(place, Ringing) else ()
    return Wait(waiting.hold(visit, queue_id, queue, shown), leases=told)


def _option(visit: Visit, queue_id: str, digits: str) -> InQueueOption | None:
    options = options_of(visit.context.directory, queue_id)
    return next((option for _, option in options if option.digit == digits), None)


def _leave(visit: Visit, departure: Departure) -> None:
    callers.step_out(visit.center.desk, visit.context.call_id, departure)


def _deflection(queue: Queue) -> Leave | None:
    return leave_to(queue.ewt_dest_kind, queue.ewt_dest_id)


def _request(visit: Visit, queue_id: str, option: InQueueOption) -> Request:
    context = visit.context
    told = {
        "accountId": context.office.account_id,
        "callId": context.call_id,
        "queueId": queue_id,
        "digit": option.digit,
        "from": context.from_number,
        "to": context.to_number,
    }
    return Request(
        url=option.webhook_url or "",
        method="POST",
        body=orjson.dumps(told).decode(),
        timeout_ms=TIMEOUT_MS,
        secret_ref=option.webhook_secret_ref,
    )


def _call_back(visit: Visit, queue_id: str) -> Next | None:
    context = visit.context
    number = normalise(context.from_number, context.account.country)
    if number is None:
        visit.note = f"{context.from_number or 'an unknown caller'} cannot be called back"
        return None
    callers.request_callback(visit.center.desk, context.call_id, queue_id, number, context.node_id)
    return Wait(Play(urls=(visit.system_prompt("goodbye"),)), LEAVING)
