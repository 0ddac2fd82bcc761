"""Configuration: a row is created, changed, deleted; what it points to exists; its names are its
own.

Names that must be unique over the whole platform are streams of their own (`Claim`): whoever
appends first owns the name, and the store's (stream, version) is the judge between two accounts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, assert_never

from domain import console_user, rules
from domain.directory import Directory, Row, body_of
from domain.errors import Conflict, Fault, Forbidden, Invalid, NotFound, PreconditionFailed
from domain.flow import validation, versions
from events.base import AccountId, Fact, Millis
from events.resources import (
    CHANGED,
    CREATED,
    DELETED,
    KINDS,
    AgentQueueAssignment,
    CallFlow,
    CallLimit,
    ConsoleUser,
    Did,
    Extension,
    InQueueOption,
    MediaFile,
    NameClaimed,
    NameReleased,
    Resource,
    RingGroup,
    SipDevice,
    SipDomain,
    SipUser,
)


class Name(NamedTuple):
    """A platform-wide name: a telephone number, a SIP domain, a device's login, an e-mail
    address."""

    space: str
    key: str


NAMED_BY = {"e164": "/e164", "domain": "/domain", "login": "/auth_username", "email": "/email"}
"""Space of names → the member that a row has its name from."""


@dataclass(slots=True)
class Claim:
    owner_id: str | None = None


ClaimOf = Callable[[Name], Claim]
"""Looks a claim up by its name."""


class Author(NamedTuple):
    """For whom a change is made, by whom, and when."""

    account_id: AccountId
    by: str
    now: Millis


TARGETS: dict[str, str | None] = {
    "flow": "call_flow",
    "user": "sip_user",
    "extension": "extension",
    "queue": "queue",
    "ring_group": "ring_group",
    "voicemail": "voicemail",
    "conference": "conference",
    "forward": "forward",
    "trunk": "sip_trunk",
    "hangup": None,
}
"""Kind of a route target → kind of the row that it names."""

POINTERS: dict[str, dict[str, str]] = {
    "account": {"rate_plan_id": "rate_plan"},
    "sip_user": {"voicemail_id": "voicemail"},
    "voicemail": {"greeting_media_id": "media_file"},
    "media_playlist": {"media_ids": "media_file"},
    "conference": {"moh_media_id": "media_file"},
    "sip_device": {"user_id": "sip_user"},
    "outbound_route": {
        "trunk_ids": "sip_trunk",
        "weights": "sip_trunk",
        "schedule_id": "time_schedule",
    },
    "did": {"schedule_id": "time_schedule"},
    "extension": {"schedule_id": "time_schedule"},
    "ring_group": {"schedule_id": "time_schedule", "moh_media_id": "media_file"},
    "queue": {
        "schedule_id": "time_schedule",
        "moh_media_id": "media_file",
        "whisper_media_id": "media_file",
    },
    "agent_queue_assignment": {"queue_id": "queue", "user_id": "sip_user"},
    "in_queue_option": {"queue_id": "queue", "prompt_media_id": "media_file"},
    "campaign": {
        "list_id": "contact_list",
        "queue_id": "queue",
        "flow_id": "call_flow",
        "schedule_id": "time_schedule",
        "cid_pool_id": "cid_pool",
    },
}
"""Kind → member → kind of the row that it names."""

SCOPES = {"user": "sip_user", "did": "did", "account": "account"}
"""Scope of a call limit → kind of the row that its `scope_id` names."""


# Decisions


def create(
    state: Directory,
    author: Author,
    kind: str,
    id: str,
    members: Mapping[str, Any],
    claim_of: ClaimOf,
) -> list[Fact]:
    """Make the row `id`. An id that is in use, a taken name, a bad pointer are refused."""
    if id in state.rows:
        raise Conflict(f"{id} exists already")
    if kind != "account" and state.account is None:
        raise NotFound(f"no account {author.account_id}")
    body = versions.first(_checked(state, kind, members), state.published.get(id, {}))
    _check_pointers(state, kind, body)
    _check_owned(author, body)
    _check_unique(state, id, body)
    made = CREATED[kind](
        account_id=author.account_id, at=author.now, id=id, by=author.by, body=body
    )
    return [*(_claim(author, id, name, claim_of) for name in names_of(body)), made]


def change(
    state: Directory,
    author: Author,
    kind: str,
    id: str,
    patch: Mapping[str, Any],
    if_version: int | None,
    claim_of: ClaimOf,
) -> list[Fact]:
    """Merge `patch` into the row (RFC 7396): null puts a member back to its default. Nothing when
    nothing differs."""
    row = _existing(state, kind, id, if_version)
    before = row.body.model_dump()
    body = _checked(state, kind, _merged(before, patch), before)
    body = versions.next(body, row.body, patch, state.published.get(id, {}))
    body = console_user.renewed(body, row.body)
    after = body.model_dump()
    changed = tuple(member for member in after if after[member] != before[member])
    if not changed:
        return []
    _check_pointers(state, kind, body)
    _check_owned(author, body)
    _check_unique(state, id, body)
    old_names, new_names = set(names_of(row.body)), set(names_of(body))
    return [
        *(_release(author, id, name) for name in sorted(old_names - new_names)),
        *(_claim(author, id, name, claim_of) for name in sorted(new_names - old_names)),
        CHANGED[kind](
            account_id=author.account_id,
            at=author.now,
            id=id,
            by=author.by,
            body=body,
            changed=changed,
        ),
    ]


def delete(
    state: Directory,
    author: Author,
    kind: str,
    id: str,
    if_version: int | None,
    force: bool,
) -> list[Fact]:
    """Remove the row. Rows that point to it forbid that, unless `force` re-points them to
    nothing."""
    row = _existing(state, kind, id, if_version)
    if kind == "account":
        raise Forbidden("an account is closed, not deleted")
    users = list(_pointing_to(state, kind, id))
    bound = [other for other, member in users if _is_required(state.rows[other].body, member)]
    if users and not force:
        raise Conflict(f"{id} is in use by {', '.join(other for other, _ in users)}")
    if bound:
        raise Conflict(f"{', '.join(bound)} cannot do without {id}; delete that first")
    facts: list[Fact] = []
    repointed: dict[str, dict[str, Any]] = {}
    for other, member in users:
        old = repointed.setdefault(other, state.rows[other].body.model_dump())
        old |= _without(old, member, id)
    for other, members in repointed.items():
        body_type = type(state.rows[other].body)
        body = body_type.model_validate(members)
        before = state.rows[other].body.model_dump()
        facts.append(
            CHANGED[kind_of(body)](
                account_id=author.account_id,
                at=author.now,
                id=other,
                by=author.by,
                body=body,
                changed=tuple(m for m in members if members[m] != before[m]),
            )
        )
    facts += [_release(author, id, name) for name in names_of(row.body)]
    facts.append(DELETED[kind](account_id=author.account_id, at=author.now, id=id, by=author.by))
    return facts


def names_of(body: Resource) -> Iterator[Name]:
    """The platform-wide names that a row owns."""
    match body:
        case Did():
            yield Name("e164", body.e164)
        case SipDomain():
            yield Name("domain", body.domain.lower())
        case SipDevice():
            yield Name("login", f"{body.auth_username}@{body.realm.lower()}")
        case ConsoleUser():
            yield Name("email", body.email)


def kind_of(body: Resource) -> str:
    return next(kind for kind, model in KINDS.items() if isinstance(body, model))


def _existing(state: Directory, kind: str, id: str, if_version: int | None) -> Row:
    row = state.rows.get(id)
    if row is None or not isinstance(row.body, KINDS[kind]):
        raise NotFound(f"no {kind} {id}")
    if if_version is not None and if_version != row.version:
        raise PreconditionFailed(f"{id} is at version {row.version}, not {if_version}")
    return row


def _country(state: Directory) -> str:
    return state.account.country if state.account else "US"


def _claim(author: Author, id: str, name: Name, claim_of: ClaimOf) -> NameClaimed:
    owner = claim_of(name).owner_id
    if owner not in (None, id):
        raise Conflict(f"{name.key} is taken", [Fault(NAMED_BY[name.space], "is taken")])
    return NameClaimed(
        account_id=author.account_id, at=author.now, space=name.space, key=name.key, owner_id=id
    )


def _release(author: Author, id: str, name: Name) -> NameReleased:
    return NameReleased(
        account_id=author.account_id, at=author.now, space=name.space, key=name.key, owner_id=id
    )


def _check_owned(author: Author, body: Resource) -> None:
    """What is played to callers lies below the account's own key."""
    if isinstance(body, MediaFile) and body.object_key is not None:
        parts = body.object_key.split("/")
        if parts[0] != author.account_id or not {"", ".", ".."}.isdisjoint(parts):
            fault = Fault("/object_key", f"does not lie below {author.account_id}/")
            raise Invalid("the media_file is not valid", [fault])


def _check_unique(state: Directory, id: str, body: Resource) -> None:
    match body:
        case SipUser() if state.users.get(body.username, id) != id:
            raise Conflict(f"username {body.username} is taken", [Fault("/username", "is taken")])
        case Extension() if state.extensions.get(body.digits, id) != id:
            raise Conflict(f"extension {body.digits} is taken", [Fault("/digits", "is taken")])
        case AgentQueueAssignment(queue_id=queue_id, user_id=user_id) if (
            state.assignments.get((queue_id, user_id), id) != id
        ):
            raise Conflict(f"{user_id} is in {queue_id}", [Fault("/user_id", "is taken")])
        case InQueueOption(queue_id=queue_id, digit=digit) if (
            state.options.get(queue_id, {}).get(digit, id) != id
        ):
            raise Conflict(f"{digit} has an option in {queue_id}", [Fault("/digit", "is taken")])


def _merged(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7396 section 2."""
    found = {name: value for name, value in target.items() if name not in patch}
    for name, value in patch.items():
        if isinstance(value, Mapping):
            old = target.get(name)
            found[name] = _merged(old if isinstance(old, Mapping) else {}, value)
        elif value is not None:
            found[name] = value
    return found


def _checked(
    state: Directory,
    kind: str,
    members: Mapping[str, Any],
    stored: Mapping[str, Any] = MappingProxyType({}),
) -> Resource:
    """The body by its rules. A flow's faults and what its nodes point to are refused together."""
    lost = _lost(state, members) if kind == "call_flow" else []
    try:
        body = rules.check(kind, members, _country(state), stored)
    except Invalid as refusal:
        raise Invalid(refusal.detail, [*refusal.faults, *lost]) from None
    if lost:
        raise Invalid("the flow points to what does not exist", lost)
    return body


def _lost(state: Directory, members: Mapping[str, Any]) -> list[Fault]:
    """What the nodes of a flow point to and does not exist in this account."""
    found = []
    for pointer, kind, id, is_target in validation.pointers(members):
        wanted = TARGETS.get(kind) if is_target else kind
        if wanted is not None and body_of(state, id, KINDS[wanted]) is None:
            found.append(Fault(pointer, f"no {wanted} {id[:64]}"))
    return found


def _check_pointers(state: Directory, kind: str, body: Resource) -> None:
    faults: list[Fault] = []
    for pointer, _, wanted, id in _pointers(kind, body):
        if body_of(state, id, KINDS[wanted]) is None:
            faults.append(Fault(pointer, f"no {wanted} {id}"))
    if isinstance(body, AgentQueueAssignment):
        user = body_of(state, body.user_id, SipUser)
        if user is not None and not user.is_agent:
            faults.append(Fault("/user_id", "is not an agent (is_agent)"))
    for member, target in _targets(body):
        id = getattr(body, f"{member}_id")
        if (row_kind := TARGETS[target]) and body_of(state, id, KINDS[row_kind]) is None:
            missing_row = f"no {row_kind} {id}" if id else f"is missing: which {target}?"
            faults.append(Fault(f"/{member}_id", missing_row))
    faults += [Fault(f"/{member}_kind", "is missing") for member in _without_kind(body)]
    if faults:
        raise Invalid(f"the {kind} points to what does not exist", faults)


class _Pointer(NamedTuple):
    pointer: str
    """Where it stands in the body (JSON pointer)."""
    member: str
    kind: str
    """Of the row that it names."""
    id: str


def _pointers(kind: str, body: Resource) -> Iterator[_Pointer]:
    """Everything in the body that names a row, but for route targets."""
    members = [*POINTERS.get(kind, {}).items()]
    if isinstance(body, CallLimit) and (scope := SCOPES.get(body.scope_kind)):
        members.append(("scope_id", scope))
    for member, wanted in members:
        value = getattr(body, member)
        for id in value if isinstance(value, tuple | dict) else (value,):
            if id:
                yield _Pointer(f"/{member}", member, wanted, id)
    if isinstance(body, RingGroup):
        for number, one in enumerate(body.members):
            if one.user_id:
                yield _Pointer(f"/members/{number}/user_id", "members", "sip_user", one.user_id)
            if one.device_id:
                pointer = f"/members/{number}/device_id"
                yield _Pointer(pointer, "members", "sip_device", one.device_id)


def _of_nodes(flow: CallFlow) -> Iterator[_Pointer]:
    """The rows without which the flow could not be saved as it is."""
    for pointer, kind, id, is_target in validation.pointers(flow.model_dump()):
        if wanted := TARGETS.get(kind) if is_target else kind:
            yield _Pointer(pointer, "nodes", wanted, id)


def _targets(body: Resource) -> Iterator[tuple[str, str]]:
    """The route targets of a body: prefix of the member's name, kind of target."""
    for member in type(body).model_fields:
        if member.endswith("_kind") and member != "scope_kind" and (kind := getattr(body, member)):
            yield member.removesuffix("_kind"), kind


def _without_kind(body: Resource) -> Iterator[str]:
    """The route targets that have an id and no kind: prefix of the member's name."""
    for member in type(body).model_fields:
        if member.endswith("_kind") and not getattr(body, member):
            prefix = member.removesuffix("_kind")
            if getattr(body, f"{prefix}_id", None):
                yield prefix


def _pointing_to(state: Directory, kind: str, id: str) -> Iterable[tuple[str, str]]:
    """Row id and member of all that point to the row `id`."""
    for row in state.rows.values():
        found = [*_pointers(kind_of(row.body), row.body)]
        if isinstance(row.body, CallFlow) and row.id != id:
            found += _of_nodes(row.body)
        for member in dict.fromkeys(p.member for p in found if p.kind == kind and p.id == id):
            yield row.id, member
        for member, target in _targets(row.body):
            if TARGETS.get(target) == kind and getattr(row.body, f"{member}_id") == id:
                yield row.id, f"{member}_id"


def _is_required(body: Resource, member: str) -> bool:
    if isinstance(body, CallLimit):
        return True  # without its scope it would count everybody
    return type(body).model_fields[member].is_required()


def _without(members: Mapping[str, Any], member: str, id: str) -> dict[str, Any]:
    value = members[member]
    if isinstance(value, dict):
        return {member: {other: value[other] for other in value if other != id}}
    if isinstance(value, tuple):
        return {member: tuple(other for other in value if not _names(other, id))}
    kind_member = member.removesuffix("_id") + "_kind"
    return {member: None} | ({kind_member: None} if kind_member in members else {})


def _names(item: Any, id: str) -> bool:
    """Whether an item of a list is, or points to, the row `id`."""
    return id in item.values() if isinstance(item, dict) else bool(item == id)


# Evolve


def evolve_claim(state: Claim, fact: NameClaimed | NameReleased) -> Claim:
    match fact:
        case NameClaimed():
            state.owner_id = fact.owner_id
        case NameReleased():
            state.owner_id = None
        case _:
            assert_never(fact)
    return state
