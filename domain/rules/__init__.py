"""What a configuration row must look like when it is written: one model per kind, bodies with
rules.

Each model is the stored body (`events/resources.py`) with the members that have a rule declared
again. Reading a stored row never comes through here, so a rule may become stricter at any time.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from domain.errors import Fault, Invalid
from domain.flow import validation
from domain.rules.campaigns import Campaign, CidPool, ContactList
from domain.rules.center import (
    AgentQueueAssignment,
    CallFlow,
    Conference,
    InQueueOption,
    Queue,
    RingGroup,
    TimeSchedule,
)
from domain.rules.lines import Did, Extension, Forward, OutboundRoute, SipTrunk
from domain.rules.members import DestKind
from domain.rules.people import (
    Account,
    ApiKey,
    CallLimit,
    ConsoleUser,
    SipDevice,
    SipDomain,
    SipUser,
    Webhook,
)
from domain.rules.rates import RatePlan
from domain.rules.sound import MediaFile, MediaPlaylist, Voicemail
from events import resources
from events.resources import Resource

__all__ = ["RULES", "DestKind", "check", "faults_of", "nul_faults"]

RULES: dict[str, type[Resource]] = {
    "account": Account,
    "sip_domain": SipDomain,
    "sip_user": SipUser,
    "sip_device": SipDevice,
    "did": Did,
    "extension": Extension,
    "sip_trunk": SipTrunk,
    "outbound_route": OutboundRoute,
    "time_schedule": TimeSchedule,
    "queue": Queue,
    "agent_queue_assignment": AgentQueueAssignment,
    "in_queue_option": InQueueOption,
    "forward": Forward,
    "call_flow": CallFlow,
    "voicemail": Voicemail,
    "ring_group": RingGroup,
    "conference": Conference,
    "webhook": Webhook,
    "api_key": ApiKey,
    "call_limit": CallLimit,
    "rate_plan": RatePlan,
    "media_file": MediaFile,
    "media_playlist": MediaPlaylist,
    "contact_list": ContactList,
    "cid_pool": CidPool,
    "campaign": Campaign,
    "console_user": ConsoleUser,
}


_NOTHING: Mapping[str, Any] = MappingProxyType({})


def check(
    kind: str, members: Mapping[str, Any], country: str, stored: Mapping[str, Any] = _NOTHING
) -> Resource:
    """The body that `members` make, in its stored type. `country` is the hint for national numbers;
    `stored` is the body of the row that they change.

    Raises `Invalid` with one fault per bad member.
    """
    if nul := nul_faults(members):
        raise Invalid(f"the {kind} is not valid", nul)
    found: list[Fault] = validation.faults(members) if kind == "call_flow" else []
    try:
        ruled = RULES[kind].model_validate(members, context={"country": country, "stored": stored})
    except ValidationError as error:
        raise Invalid(f"the {kind} is not valid", faults_of(error) + found) from None
    if found:
        raise Invalid(f"the {kind} is not valid", found)
    return resources.KINDS[kind].model_validate(ruled.model_dump())


def nul_faults(members: Mapping[str, Any]) -> list[Fault]:
    """U+0000 is a character in JSON and none in PostgreSQL."""
    return list(_with_nul(members))


def _with_nul(value: Any, pointer: str = "") -> Iterator[Fault]:
    if isinstance(value, str) and "\0" in value:
        yield Fault(pointer, "has a NUL character")
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from _with_nul(name, f"{pointer}/{name}")
            yield from _with_nul(member, f"{pointer}/{name}")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _with_nul(item, f"{pointer}/{number}")


def faults_of(error: ValidationError) -> list[Fault]:
    """Pydantic's findings as JSON pointers with a sentence each."""
    faults = []
    for found in error.errors(include_url=False, include_context=False, include_input=False):
        path = "".join(
            f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in found["loc"]
        )
        faults.append(Fault(path, found["msg"]))
    return faults
