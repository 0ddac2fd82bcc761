"""Commands about devices: is this their password, where can they be reached."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from pydantic import Field, field_validator

from commands.acd import floor_deadlines
from commands.message import Command, Line, Outcome, Printable, Timestamp, default_if_blank
from commands.store import Deadline
from commands.world import World
from domain import authentication, presence
from domain.acd import agents
from domain.authentication import MAX_CONTACTS, Identity
from domain.digest import Algorithm, Answer
from domain.directory import Directory, body_of, device_id
from domain.errors import NotFound
from domain.presence import ContactKey, PresenceFact
from domain.routing import Office
from events.base import Millis
from events.presence import RemovalReason
from events.resources import SipDevice


class VerifyDigest(Command):
    """Is this the password of that device? (spec 03, POST /auth)"""

    username: Printable = Field(min_length=1)
    realm: Printable = Field(min_length=1)
    nonce: Printable
    uri: Printable
    method: Printable = Field(min_length=1)
    response: Printable = Field(min_length=1)
    algorithm: Algorithm = Algorithm.MD5
    qop: Printable | None = None
    nc: Printable | None = None
    cnonce: Printable | None = None
    nonce_verified: bool = False

    _blank = field_validator("algorithm", "nonce_verified", mode="before")(default_if_blank)

    @field_validator("algorithm", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        """A token, so `md5` is as good (RFC 7616 section 3.3, RFC 3261 section 7.3.1)."""
        return value.upper() if isinstance(value, str) else value


def verify_digest(command: VerifyDigest, world: World) -> Outcome:
    """Replies `{ok: 1, …}` or `{ok: 0, reason}`; never a fact (see `domain/authentication.py`)."""
    answer = Answer(
        username=command.username,
        realm=command.realm,
        nonce=command.nonce,
        uri=command.uri,
        method=command.method,
        response=command.response,
        algorithm=command.algorithm,
        qop=command.qop or None,
        nc=command.nc,
        cnonce=command.cnonce,
    )
    states = world.account(command.account_id)
    found = authentication.find_device(states.directory, answer)
    ref = found[1].credential_ref if found else None
    verdict = authentication.verify(
        states.directory,
        world.credential(command.account_id, ref) if ref else None,
        answer,
        states.ledger,
        world.options.nonce_secret,
        command.nonce_verified,
        world.now // 1000,
    )
    if isinstance(verdict, Identity):
        return Outcome([], _welcome(command, verdict))
    return Outcome([], {"ok": 0, "reason": verdict.value})


def _welcome(command: VerifyDigest, who: Identity) -> dict[str, Any]:
    return {
        "ok": 1,
        "accountId": command.account_id,
        "userId": who.user_id,
        "deviceId": who.device_id,
        "username": who.username,
        "displayName": who.display_name,
        "cid": who.cid,
        "maxContacts": MAX_CONTACTS,
    }


class ContactEvent(StrEnum):
    REGISTERED = "registered"
    REFRESHED = "refreshed"
    UNREGISTERED = "unregistered"
    EXPIRED = "expired"
    QUALIFY_OK = "qualify_ok"
    QUALIFY_FAIL = "qualify_fail"


class ReportContact(Command):
    """An edge reports on a registration (spec 03, POST /presence/event, type register)."""

    realm: Printable = ""
    """Empty: the account's only device with this name."""
    username: Printable = Field(min_length=1)
    contact: Line = Field(min_length=1, max_length=1000)
    event: ContactEvent
    ts: Timestamp
    expires: int = Field(default=3600, ge=0, le=86_400 * 7)
    """Seconds from `ts`."""
    received: Line | None = Field(default=None, max_length=255)
    user_agent: Line | None = Field(default=None, max_length=255)
    node_id: Printable | None = None

    _blank = field_validator("expires", "received", "user_agent", mode="before")(default_if_blank)


def report_contact(command: ReportContact, world: World) -> Outcome:
    office = world.office(command.account_id)
    device_id = _device_id(office.directory, command)
    device = body_of(office.directory, device_id, SipDevice)
    if device_id is None or device is None:
        raise NotFound(f"no device {command.username}@{command.realm}")
    key = ContactKey(device_id, command.contact)
    facts = _decide(command, world, key, device.user_id)
    expiry = Millis(command.ts + command.expires * 1000 + presence.REFRESH_SLACK)
    wake = [Deadline(expiry, command.account_id, None)] if facts else []
    outcome = with_offers(facts, office, world)
    return Outcome(outcome.facts, {"ok": 1}, [*wake, *outcome.wake])


def with_offers(facts: Sequence[PresenceFact], office: Office, world: World) -> Outcome:
    """Who can be reached now may be given a caller, in the same commit."""
    offers = agents.notice_contacts(office, facts, world.now)
    return Outcome([*facts, *offers], {}, floor_deadlines(office.account_id, offers))


def _device_id(directory: Directory, command: ReportContact) -> str | None:
    name = command.username.partition("@")[0]
    if command.realm:
        return device_id(directory, name, command.realm)
    named = [id for (login, _), id in directory.devices.items() if login == name]
    return named[0] if len(named) == 1 else None


def _decide(
    command: ReportContact, world: World, key: ContactKey, user_id: str
) -> list[PresenceFact]:
    state, account_id = world.office(command.account_id).presence, command.account_id
    ts, now = command.ts, world.now
    match command.event:
        case ContactEvent.REGISTERED | ContactEvent.REFRESHED if command.expires > 0:
            return presence.register(
                state,
                account_id,
                user_id,
                key,
                Millis(ts + command.expires * 1000),
                ts,
                now,
                received=command.received,
                user_agent=command.user_agent,
                node_id=command.node_id,
            )
        case ContactEvent.QUALIFY_OK | ContactEvent.QUALIFY_FAIL:
            reachable = command.event is ContactEvent.QUALIFY_OK
            return presence.qualify(state, account_id, key, reachable, ts, now)
        case ContactEvent.EXPIRED:
            return presence.remove(state, account_id, key, RemovalReason.EXPIRED, ts, now)
        case _:
            return presence.remove(state, account_id, key, RemovalReason.UNREGISTERED, ts, now)


class ExpireContacts(Command):
    """A deadline: drop the contacts of which nothing was heard for too long."""


def expire_contacts(command: ExpireContacts, world: World) -> Outcome:
    office = world.office(command.account_id)
    facts = presence.expire(office.presence, command.account_id, world.now)
    return with_offers(facts, office, world)
