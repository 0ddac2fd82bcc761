"""What agents do: log in and out, pause, join queues, finish their notes, take other calls."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from domain.acd import desk as desks
from domain.acd import floor as floors
from domain.acd import line
from domain.acd.desk import Desk, at_desk, dispatch
from domain.acd.floor import Floor, FloorFact, State, Status
from domain.directory import Directory, assignment_of, body_of, rows_of
from domain.errors import Conflict, Fault, Forbidden, Invalid, NotFound
from domain.routing import Office
from events.acd import (
    AgentCallBegan,
    AgentCallOver,
    AgentDeferred,
    AgentJoinedQueue,
    AgentLeftQueue,
    AgentLoggedIn,
    AgentLoggedOut,
    AgentMadeAvailable,
    AgentPaused,
    AgentWrappedUp,
    DeferredEvent,
    LeaseEnd,
)
from events.base import CallId, Millis
from events.presence import PresenceFact
from events.resources import AgentQueueAssignment, Queue, SipUser

JOINED_AT_LOGIN = ("static", "mandatory")


class Membership(NamedTuple):
    queue_id: str
    level: int | None = None
    """The tier; None: as the assignment says."""


def agent_id_of(office: Office, user: str) -> str:
    """The agent with this id or this username. Refuses who does not exist (NotFound) or is none."""
    id = user if user in office.directory.rows else office.directory.users.get(user, "")
    body = body_of(office.directory, id, SipUser)
    if body is None:
        raise NotFound(f"no user {user}")
    if not body.is_agent:
        raise Invalid(f"{user} is not an agent", [Fault("/userId", "is not an agent (is_agent)")])
    return id


# Decisions


def log_in(
    office: Office, agent_id: str, queues: Sequence[Membership], now: Millis, *, ready: bool = False
) -> list[FloorFact]:
    """At work; ready for calls only if asked for or configured. Calls a deferred logout off."""
    desk = at_desk(office, now)
    agent = floors.agent_of(desk.floor, agent_id)
    if agent.status is Status.OFFLINE:
        _begin(desk, agent_id, ready)
    elif agent.deferred is not None and agent.deferred.event is DeferredEvent.LOGOUT:
        _resume(desk, agent_id)
    return _joined(desk, agent_id, queues)


def make_available(
    office: Office, agent_id: str, queues: Sequence[Membership], now: Millis
) -> list[FloorFact]:
    """Ready for calls. Who is not logged in is so now; a deferred pause or logout is called off."""
    desk = at_desk(office, now)
    agent = floors.agent_of(desk.floor, agent_id)
    if agent.status is Status.OFFLINE:
        _begin(desk, agent_id, ready=True)
    elif agent.status is not Status.AVAILABLE or agent.deferred is not None:
        desk.add(AgentMadeAvailable(**desk.about, agent_id=agent_id))
    return _joined(desk, agent_id, queues)


def unpause(
    office: Office, agent_id: str, queues: Sequence[Membership], now: Millis
) -> list[FloorFact]:
    """As `make_available`, of who is logged in."""
    if floors.agent_of(office.presence.floor, agent_id).status is Status.OFFLINE:
        raise Conflict(f"{agent_id} is not logged in")
    return make_available(office, agent_id, queues, now)


def pause(office: Office, agent_id: str, reason: str | None, now: Millis) -> list[FloorFact]:
    """On break. While he rings it waits for the reservation to end."""
    desk = at_desk(office, now)
    agent = floors.agent_of(desk.floor, agent_id)
    if agent.status is Status.OFFLINE:
        raise Conflict(f"{agent_id} is not logged in")
    if agent.offer is not None:
        _defer(desk, agent_id, DeferredEvent.PAUSE, reason)
    elif agent.status is not Status.ON_BREAK or agent.reason != reason:
        desk.add(AgentPaused(**desk.about, agent_id=agent_id, reason=reason))
    return desk.facts


def log_out(office: Office, agent_id: str, now: Millis) -> list[FloorFact]:
    """Gone. While he rings or talks it waits for that to end."""
    desk = at_desk(office, now)
    agent = floors.agent_of(desk.floor, agent_id)
    if agent.status is Status.OFFLINE:
        return []
    if agent.offer is not None or agent.talk is not None:
        _defer(desk, agent_id, DeferredEvent.LOGOUT, None)
    else:
        desk.add(AgentLoggedOut(**desk.about, agent_id=agent_id))
    return desk.facts


def join(
    office: Office, agent_id: str, queues: Sequence[Membership], now: Millis
) -> list[FloorFact]:
    """Into these queues; into all that he is assigned to when none is named."""
    desk = at_desk(office, now)
    if floors.agent_of(desk.floor, agent_id).status is Status.OFFLINE:
        raise Conflict(f"{agent_id} is not logged in")
    assigned = [Membership(queue_id) for queue_id, _ in _assigned(desk, agent_id)]
    return _joined(desk, agent_id, queues or assigned)


def leave(
    office: Office, agent_id: str, queues: Sequence[Membership], now: Millis
) -> list[FloorFact]:
    """Out of these queues; out of all that he may leave when none is named."""
    desk = at_desk(office, now)
    bound = {id for id, assigned in _assigned(desk, agent_id) if assigned.mode == "mandatory"}
    if refused := bound & {queue.queue_id for queue in queues}:
        raise Forbidden(f"{agent_id} may not leave {', '.join(sorted(refused))}")
    named = {queue.queue_id for queue in queues}
    for queue_id in floors.agent_of(desk.floor, agent_id).queues:
        if queue_id in named or (not named and queue_id not in bound):
            desk.add(AgentLeftQueue(**desk.about, agent_id=agent_id, queue_id=queue_id))
    return desk.facts


def finish_wrap_up(office: Office, agent_id: str, now: Millis) -> list[FloorFact]:
    desk = at_desk(office, now)
    if floors.agent_of(desk.floor, agent_id).state is not State.WRAP_UP:
        return []
    desk.add(AgentWrappedUp(**desk.about, agent_id=agent_id))
    dispatch(desk)
    return desk.facts


def begin_calls(
    office: Office, call_id: CallId, users: Iterable[str], now: Millis
) -> list[FloorFact]:
    """These users are in a call that no queue has given to them. Of those who are agents, who
    rings for a caller is let go."""
    if not _not_yet_in(office.presence.floor, office.directory, call_id, users):
        return []
    desk = at_desk(office, now)
    exchange(desk, call_id, (), users)
    dispatch(desk)
    return desk.facts


def exchange(desk: Desk, call_id: CallId, left: Iterable[str], joined: Iterable[str]) -> None:
    """Who is in a call that no queue has given to him any more, and who is now."""
    for id in sorted(left):
        if call_id in floors.agent_of(desk.floor, id).external:
            desk.add(AgentCallOver(**desk.about, agent_id=id, call_id=call_id))
    for id in _not_yet_in(desk.floor, desk.directory, call_id, joined):
        desk.add(AgentCallBegan(**desk.about, agent_id=id, call_id=call_id))
        if (lease := floors.agent_of(desk.floor, id).offer) is not None:
            desks.let_go(desk, lease, LeaseEnd.BUSY)


def _not_yet_in(
    floor: Floor, directory: Directory, call_id: CallId, users: Iterable[str]
) -> list[str]:
    return [
        id
        for id in dict.fromkeys(users)
        if desks.is_agent(directory, id)
        and call_id not in floors.agent_of(floor, id).external
        and floor.talks.get(call_id) != id
    ]


def end_calls(desk: Desk, call_id: CallId) -> None:
    """The call is over for all who were in it without a queue."""
    for id in line.values(desk.floor.index.outside.get(call_id, ())):
        desk.add(AgentCallOver(**desk.about, agent_id=id, call_id=call_id))


def notice_contacts(
    office: Office, contacts: Sequence[PresenceFact], now: Millis
) -> list[FloorFact]:
    """Somebody may be reachable now: what follows from these facts about contacts."""
    if not contacts or not office.presence.floor.callers:
        return []
    desk = at_desk(office, now, contacts)
    dispatch(desk)
    return desk.facts


def _begin(desk: Desk, agent_id: str, ready: bool) -> None:
    user = body_of(desk.directory, agent_id, SipUser)
    by_rule = bool(user and user.auto_ready_on_login)
    desk.add(AgentLoggedIn(**desk.about, agent_id=agent_id, ready=int(ready or by_rule)))
    if user and user.auto_queue_login:
        for queue_id, assigned in _assigned(desk, agent_id):
            if assigned.mode in JOINED_AT_LOGIN:
                _add_to(desk, agent_id, Membership(queue_id))


def _resume(desk: Desk, agent_id: str) -> None:
    """Call a deferred logout off; status and reason stay."""
    agent = floors.agent_of(desk.floor, agent_id)
    if agent.status is Status.AVAILABLE:
        desk.add(AgentMadeAvailable(**desk.about, agent_id=agent_id))
    else:
        desk.add(AgentPaused(**desk.about, agent_id=agent_id, reason=agent.reason))


def _defer(desk: Desk, agent_id: str, event: DeferredEvent, reason: str | None) -> None:
    if floors.agent_of(desk.floor, agent_id).deferred != (event, reason):
        desk.add(AgentDeferred(**desk.about, agent_id=agent_id, event=event, reason=reason))


def _assigned(desk: Desk, agent_id: str) -> list[tuple[str, AgentQueueAssignment]]:
    rows = rows_of(desk.directory, AgentQueueAssignment)
    return [(body.queue_id, body) for _, body in rows if body.user_id == agent_id]


def _joined(desk: Desk, agent_id: str, queues: Sequence[Membership]) -> list[FloorFact]:
    faults = [
        Fault(f"/queues/{number}/queueId", f"no queue {queue.queue_id}")
        for number, queue in enumerate(queues)
        if body_of(desk.directory, queue.queue_id, Queue) is None
    ]
    if faults:
        raise Invalid("there is no such queue", faults)
    for queue in queues:
        _add_to(desk, agent_id, queue)
    dispatch(desk)
    return desk.facts


def _add_to(desk: Desk, agent_id: str, queue: Membership) -> None:
    """Who is not assigned to the queue is in its first tier unless he says which."""
    level, known = queue.level, floors.agent_of(desk.floor, agent_id).queues
    if level is None and assignment_of(desk.directory, queue.queue_id, agent_id) is None:
        level = 1
    if queue.queue_id not in known or known[queue.queue_id] != level:
        desk.add(
            AgentJoinedQueue(**desk.about, agent_id=agent_id, queue_id=queue.queue_id, level=level)
        )
