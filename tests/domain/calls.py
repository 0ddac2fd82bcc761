"""Facts and reports of the one call that tests of `domain/call.py` are about."""

from typing import Any

from domain.call import Report
from events.base import Millis
from events.call import (
    CallRouted,
    DialogEvent,
    Direction,
    Directive,
    Outcome,
    Reject,
    RunFlow,
    Step,
)
from tests.support.given import ACCOUNT, CALL_ID, NOW

_FLOW = RunFlow(flow_id="flow_1", flow_version=1, vars={})


def routed(hop: int = 1, request: str = "first", directive: Directive = _FLOW) -> CallRouted:
    return CallRouted(
        account_id=ACCOUNT,
        at=NOW,
        call_id=CALL_ID,
        hop=hop,
        request=request,
        direction=Direction.INBOUND,
        from_number="14155551234",
        to_number="12025550123",
        directive=directive,
        path=(Step("classify", "inbound"),),
    )


def rejected(code: int, hop: int = 1, request: str = "first") -> CallRouted:
    return routed(hop, request, Reject(code=code, reason="No"))


def report(
    event: DialogEvent,
    after: int,
    code: int | None = None,
    cause: str | None = None,
    hangup_by: str | None = None,
) -> Report:
    """What an edge says, `after` milliseconds from the route decision."""
    return Report(event, Millis(NOW + after), code, cause, hangup_by)


def outcome(**members: Any) -> Outcome:
    """The outcome of the call that `routed` starts."""
    known: dict[str, Any] = {
        "direction": Direction.INBOUND,
        "from_number": "14155551234",
        "to_number": "12025550123",
        "start_ts": NOW,
        "ring_ts": None,
        "answer_ts": None,
        "billsec": 0,
    }
    return Outcome.model_validate({**known, **members})
