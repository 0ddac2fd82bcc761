"""Facts of an account's contact center: its agents, its waiting callers, their reservations.

Stream ``presence-<account_id>``, the same one as the contacts': whether an agent can be reached
and whether a caller is given to him is decided at one place. Nothing is counted; how many wait and
how many talk follows from who joined, was reserved and left.
"""

from enum import StrEnum

from events.base import CallId, Fact, Millis, StreamName, Value


class DeferredEvent(StrEnum):
    """What an agent asked for while a call had to be finished first."""

    LOGOUT = "logout"
    PAUSE = "pause"


class Departure(StrEnum):
    """How a caller left a queue without an agent (spec 05, queue_cdr's disposition)."""

    ABANDONED = "abandoned"
    TIMEOUT = "timeout"
    ROUTED = "routed"
    CALLBACK = "callback"


class LeaseEnd(StrEnum):
    """Why a reservation was released."""

    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    EXPIRED = "expired"
    CALLER_GONE = "caller_gone"
    RESCINDED = "rescinded"
    """Another agent was first."""


class AcdFact(Fact):
    @property
    def stream(self) -> StreamName:
        return StreamName("presence-" + self.account_id)


class AgentFact(AcdFact):
    agent_id: str
    """The agent's `sip_user`."""


class AgentLoggedIn(AgentFact):
    ready: int
    """1: takes calls at once."""


class AgentLoggedOut(AgentFact): ...


class AgentMadeAvailable(AgentFact):
    """Takes calls; a deferred pause or logout is called off."""


class AgentPaused(AgentFact):
    """On break: by his own wish, or (`max_no_answer`) because calls were missed."""

    reason: str | None = None


class AgentDeferred(AgentFact):
    """A pause or a logout will take effect when the reservation or the call is over."""

    event: DeferredEvent
    reason: str | None = None


class AgentJoinedQueue(AgentFact):
    queue_id: str
    level: int | None = None
    """The tier; None: as the assignment says."""


class AgentLeftQueue(AgentFact):
    queue_id: str


class AgentCallBegan(AgentFact):
    """A call that no queue has given to him: nobody is offered to him meanwhile."""

    call_id: CallId


class AgentCallOver(AgentFact):
    """Such a call is over."""

    call_id: CallId


class AgentWrappedUp(AgentFact):
    """The time after a call is over: by its deadline, or because the agent said so."""


class Callback(Value):
    """Somebody who waits without a telephone in his hand: he is called when an agent is free."""

    number: str
    """E.164 without the plus."""
    node_id: str | None = None
    """The edge node that had his call, and is to make the new one."""
    asked_in: CallId
    """The call in which he asked for it."""


class CallerQueued(AcdFact):
    """A caller waits; `at` is his place in the line for as long as he waits."""

    call_id: CallId
    queue_id: str
    priority: int
    """Higher is first."""
    give_up_at: Millis | None = None
    """When the wait ends with a timeout."""
    since: Millis | None = None
    """His place in the line, if he has kept it from an earlier wait."""
    callback: Callback | None = None
    """The call does not exist yet."""


class CallerTold(AcdFact):
    """A waiting caller was told his position."""

    call_id: CallId
    queue_id: str
    position: int
    """1: next."""


class CallerLeft(AcdFact):
    """A caller waits no longer, and no agent has him."""

    call_id: CallId
    queue_id: str
    queued_at: Millis
    departure: Departure


class LeaseFact(AgentFact):
    """A reservation: this agent for this caller. `epoch` rises with every reservation of the
    account; whoever acts on one shows it."""

    lease_id: str
    epoch: int
    call_id: CallId
    queue_id: str


class AgentReserved(LeaseFact):
    expires_at: Millis
    next_ring_at: Millis | None = None
    """When another agent is to be rung beside this one (ring_progressively)."""
    callback: Callback | None = None
    """Whom an edge node has to call once the agent has answered."""


class LeaseConfirmed(LeaseFact):
    """The agent has answered: agent and caller talk."""

    queued_at: Millis


class LeaseReleased(LeaseFact):
    """The agent is not given the caller. Ends a reservation that was not confirmed."""

    reason: LeaseEnd


class ConversationEnded(LeaseFact):
    """Agent and caller talk no more. Ends a reservation that was confirmed."""

    queued_at: Millis
    talk_ms: int
    wrap_up_until: Millis | None = None
