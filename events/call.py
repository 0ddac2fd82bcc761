"""Facts of one call session: where it was sent, how it went, how it ended.

Stream ``call-<call_id>``. One stream per call, so that the whole history of a call is one read.
"""

from enum import StrEnum
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from events.base import CallId, Fact, Millis, StreamName, Value
from events.flow import FlowCommand, Frame, Visited


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"
    UNKNOWN = "unknown"
    """Nothing that was asked for exists here; such a call is always rejected."""


class Disposition(StrEnum):
    """How a call ended, as the CDR shows it (spec 08)."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"
    REJECTED = "rejected"
    ABANDONED = "abandoned"


class DialogEvent(StrEnum):
    """What an edge reports of a SIP dialog (RFC 3261 section 12)."""

    START = "start"
    EARLY = "early"
    ANSWERED = "answered"
    END = "end"


class Step(NamedTuple):
    """One thing that was looked at on the way to a decision, in order."""

    policy: str
    outcome: str
    detail: str = ""


class Fork(Value):
    """One branch of a proxied call: an address of record, when to ring it and for how long."""

    aor: str
    device_id: str
    delay_sec: int = 0
    timeout_sec: int


class Carrier(Value):
    """One place to hand an outbound call to. The credential is a reference, never the secret."""

    uri: str
    trunk_id: str | None = None
    transport: str = "udp"
    realm: str | None = None
    auth_username: str | None = None
    auth_secret_ref: str | None = None
    from_user: str | None = None
    from_domain: str | None = None


class RunFlow(Value):
    action: Literal["flow"] = "flow"
    flow_id: str
    flow_version: int
    vars: dict[str, str]


class ProxyToUser(Value):
    action: Literal["proxy"] = "proxy"
    user_id: str
    aors: tuple[Fork, ...]
    parallel: bool
    caller_id: str
    ring_timeout_sec: int
    on_fail_kind: str | None = None
    on_fail_id: str | None = None


class SendOut(Value):
    action: Literal["outbound"] = "outbound"
    trunk_id: str | None
    """The first trunk of `gateways`; null when the platform's wholesale carrier takes the call."""
    gateways: tuple[Carrier, ...]
    number: str
    """E.164 without plus, or a short number as dialled (emergency)."""
    caller_id: str
    max_duration_sec: int


class Reject(Value):
    action: Literal["reject"] = "reject"
    code: int
    """SIP status, 4xx to 6xx."""
    reason: str
    retry_after: int | None = None
    """Seconds."""


Directive = Annotated[RunFlow | ProxyToUser | SendOut | Reject, Field(discriminator="action")]
"""What the edge is told to do with the call."""


class CallFact(Fact):
    call_id: CallId

    @property
    def stream(self) -> StreamName:
        return StreamName("call-" + self.call_id)


class CallRouted(CallFact):
    """A route request was decided. `hop` 1 starts the session, later ones re-route it."""

    hop: int
    request: str
    """Digest of what was asked, so that the same question gets the same answer."""
    direction: Direction
    from_number: str
    to_number: str
    src_ip: str | None = None
    node_id: str | None = None
    did_id: str | None = None
    trunk_id: str | None = None
    caller_user_id: str | None = None
    directive: Directive
    path: tuple[Step, ...]
    asked: dict[str, str] = Field(default={})
    """What of the request does not stand above: who asks in his own words, and how he is known.
    With it the decision can be made again."""


class CallDialogStarted(CallFact):
    """The edge sent the call on its way."""

    ts: Millis


class CallRinging(CallFact):
    ts: Millis
    sip_code: int | None = None


class CallAnswered(CallFact):
    ts: Millis


class Charge(Value):
    """What a part of a call costs: the call itself, or a leg that went out of it."""

    rate_id: str
    """``rate_…:out:44``: the rate plan, the direction and the prefix that has matched."""
    number: str
    billed_sec: int
    """What is paid for: the seconds of the part in full increments; 0: it was not answered."""
    cost_micros: int


class Outcome(Value):
    """The whole course of a call, as its CDR shows it. Times in epoch milliseconds."""

    direction: Direction
    from_number: str
    to_number: str
    start_ts: Millis
    ring_ts: Millis | None
    answer_ts: Millis | None
    end_ts: Millis
    duration_sec: int
    billsec: int
    disposition: Disposition
    hangup_cause: str
    sip_code: int | None = None
    hangup_by: str | None = None
    queue_id: str | None = None
    """The last queue that the call was in."""
    agent_id: str | None = None
    """The last agent whom a queue has given the caller to."""
    cost_micros: int | None = None
    """The sum of `charges`, in millionths of the currency; null: no rate is for this call."""
    currency: str | None = None
    rate_id: str | None = None
    """That of the dearest charge."""
    charges: tuple[Charge, ...] = ()

    @property
    def answered(self) -> bool:
        return self.answer_ts is not None


class CallEnded(CallFact):
    """The call is over. Exactly one per call."""

    outcome: Outcome


class CallRevised(CallFact):
    """An event that belongs before the end arrived after it: the outcome as it is known now."""

    late: DialogEvent
    ts: Millis
    outcome: Outcome


class CallObserved(CallFact):
    """An edge reported on a call that nobody has routed (yet)."""

    event: DialogEvent
    ts: Millis
    sip_code: int | None = None
    cause: str | None = None
    hangup_by: str | None = None


class TransferRefused(CallFact):
    """A user may not send his caller there."""

    from_user_id: str
    target_kind: str
    target_id: str
    reason: str


ORDERS = frozenset({"transfer", "transfer_complete", "transfer_cancel", "transfer_3way"})
"""What is reported of a step that somebody else than the engine has asked for."""


class FlowStepped(CallFact):
    """A flow was started or told an outcome, and went on to its next command.

    One fact per step, however many nodes were passed. Secrets stand in it as asterisks.
    """

    hop: int
    """The route decision that the flow runs for."""
    flow_id: str
    flow_version: int
    """The flow in which the step was taken: at the start the one that was asked for."""
    seq: int
    """Number of the command, counted over the whole call."""
    reported: str | None
    """The outcome of the command before; null when the flow was started."""
    data: dict[str, str]
    """What was reported with it; the given variables when the flow was started."""
    path: tuple[Visited, ...]
    variables: dict[str, str]
    """Those that were set in this step."""
    command: FlowCommand
    frames: tuple[Frame, ...]
    """Where the call is after the step, the innermost flow last; empty: the flow is over."""
