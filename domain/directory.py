"""An account's configuration as decisions need it: every row, and the look-ups that routing does.

Not one stream but the sum of the account's resource streams, in the order of their facts.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar, assert_never

from domain import rating
from domain.rating import Tariff
from events.base import Millis
from events.resources import (
    Account,
    AgentQueueAssignment,
    CallFlow,
    CallLimit,
    Changed,
    Created,
    Deleted,
    Did,
    Extension,
    InQueueOption,
    OutboundRoute,
    RatePlan,
    Resource,
    SipDevice,
    SipTrunk,
    SipUser,
)

B = TypeVar("B", bound=Resource)
KEPT_VERSIONS = 20
"""Published versions of a flow that are at hand."""
ResourceFact = Created[Any] | Changed[Any] | Deleted[Any]


@dataclass(slots=True)
class Row:
    """One resource: its body, its version (the optimistic lock) and its times (epoch ms)."""

    id: str
    body: Resource
    version: int
    created_at: Millis
    updated_at: Millis


@dataclass(slots=True)
class Directory:
    rows: dict[str, Row] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    """id → version of the rows that were deleted; a row made again goes on from there."""
    account: Account | None = None
    users: dict[str, str] = field(default_factory=dict)
    """username → id"""
    devices: dict[tuple[str, str], str] = field(default_factory=dict)
    """(auth_username, realm in lower case) → id: a realm is a domain, see `device_id`."""
    devices_of: dict[str, list[str]] = field(default_factory=dict)
    """user id → device ids"""
    dids: dict[str, str] = field(default_factory=dict)
    """E.164 → id"""
    extensions: dict[str, str] = field(default_factory=dict)
    """digits → id"""
    published: dict[str, dict[int, CallFlow]] = field(default_factory=dict)
    """Flow → version → the body as it was frozen; the newest `KEPT_VERSIONS`, of deleted flows too:
    a call that began in one ends in it."""
    assignments: dict[tuple[str, str], str] = field(default_factory=dict)
    """(queue id, user id) → id"""
    options: dict[str, dict[str, str]] = field(default_factory=dict)
    """Queue id → digit → id of the option"""
    trunks: dict[str, SipTrunk] = field(default_factory=dict)
    routes: dict[str, OutboundRoute] = field(default_factory=dict)
    limits: dict[str, CallLimit] = field(default_factory=dict)
    tariffs: dict[str, Tariff] = field(default_factory=dict)
    """Rate plans by id."""


def body_of(state: Directory, id: str | None, kind: type[B]) -> B | None:
    """The row `id` if it exists and is of `kind`."""
    row = state.rows.get(id) if id else None
    return row.body if row is not None and isinstance(row.body, kind) else None


def rows_of(state: Directory, kind: type[B]) -> Iterator[tuple[str, B]]:
    for row in state.rows.values():
        if isinstance(row.body, kind):
            yield row.id, row.body


def device_id(state: Directory, username: str, realm: str) -> str | None:
    """The device with this login. The name may carry the domain (`1001@acme.example`)."""
    return state.devices.get((username.partition("@")[0], realm.lower()))


def flow_of(state: Directory, id: str, version: int) -> CallFlow | None:
    """A version of a flow: as it was frozen, or the draft that bears this number."""
    if frozen := state.published.get(id, {}).get(version):
        return frozen
    draft = body_of(state, id, CallFlow)
    return draft if draft is not None and draft.version == version else None


def live_flow(state: Directory, id: str | None) -> CallFlow | None:
    """The version of a flow that calls get now; None when it is not published."""
    body = body_of(state, id, CallFlow)
    if id is None or body is None or (version := body.live) is None:
        return None
    return flow_of(state, id, version)


def assignment_of(state: Directory, queue_id: str, user_id: str) -> AgentQueueAssignment | None:
    return body_of(state, state.assignments.get((queue_id, user_id)), AgentQueueAssignment)


def options_of(state: Directory, queue_id: str) -> list[tuple[str, InQueueOption]]:
    """What the digits of a queue's waiting callers do, in the order of the digits."""
    found = sorted(state.options.get(queue_id, {}).items())
    return [(id, body) for _, id in found if (body := body_of(state, id, InQueueOption))]


def version_of(state: Directory, id: str) -> int:
    """How many facts the row's stream has; 0 when it never existed."""
    row = state.rows.get(id)
    return row.version if row is not None else state.gone.get(id, 0)


# Evolve


def evolve(state: Directory, fact: ResourceFact) -> Directory:
    match fact:
        case Created():
            version = state.gone.pop(fact.id, 0) + 1
            put(state, Row(fact.id, fact.body, version, fact.at, fact.at))
        case Changed():
            old = state.rows[fact.id]
            _unlink(state, old)
            put(state, Row(fact.id, fact.body, old.version + 1, old.created_at, fact.at))
        case Deleted():
            old = state.rows.pop(fact.id)
            _unlink(state, old)
            state.gone[fact.id] = old.version + 1
        case _:
            assert_never(fact)
    return state


def put(state: Directory, row: Row) -> None:
    """Add `row` with its look-ups."""
    state.rows[row.id] = row
    if isinstance(row.body, CallFlow):
        freeze(state, row.id, row.body)
    match row.body:
        case Account():
            state.account = row.body
        case SipUser():
            state.users[row.body.username] = row.id
        case SipDevice():
            state.devices[row.body.auth_username, row.body.realm.lower()] = row.id
            state.devices_of.setdefault(row.body.user_id, []).append(row.id)
        case Did():
            state.dids[row.body.e164] = row.id
        case Extension():
            state.extensions[row.body.digits] = row.id
        case AgentQueueAssignment():
            state.assignments[row.body.queue_id, row.body.user_id] = row.id
        case InQueueOption():
            state.options.setdefault(row.body.queue_id, {})[row.body.digit] = row.id
        case SipTrunk():
            state.trunks[row.id] = row.body
        case OutboundRoute():
            state.routes[row.id] = row.body
        case CallLimit():
            state.limits[row.id] = row.body
        case RatePlan():
            state.tariffs[row.id] = rating.tariff(row.id, row.body)


def freeze(state: Directory, id: str, flow: CallFlow) -> None:
    """Keep a published version; what was published first under a number stays."""
    if flow.is_published:
        versions = state.published.setdefault(id, {})
        versions.setdefault(flow.version, flow)
        if len(versions) > KEPT_VERSIONS:
            del versions[min(versions)]


def _unlink(state: Directory, row: Row) -> None:
    match row.body:
        case SipUser():
            state.users.pop(row.body.username, None)
        case SipDevice():
            state.devices.pop((row.body.auth_username, row.body.realm.lower()), None)
            state.devices_of[row.body.user_id].remove(row.id)
        case Did():
            state.dids.pop(row.body.e164, None)
        case Extension():
            state.extensions.pop(row.body.digits, None)
        case AgentQueueAssignment():
            state.assignments.pop((row.body.queue_id, row.body.user_id), None)
        case InQueueOption():
            state.options.get(row.body.queue_id, {}).pop(row.body.digit, None)
        case SipTrunk():
            state.trunks.pop(row.id, None)
        case OutboundRoute():
            state.routes.pop(row.id, None)
        case CallLimit():
            state.limits.pop(row.id, None)
        case RatePlan():
            state.tariffs.pop(row.id, None)


# Fold


def restored(
    rows: Iterable[Row], gone: dict[str, int], published: Iterable[tuple[str, CallFlow]] = ()
) -> Directory:
    """`published`: flow id and frozen body, in the order of their versions."""
    state = Directory(gone=gone)
    for id, flow in published:
        freeze(state, id, flow)
    for row in rows:
        put(state, row)
    return state
