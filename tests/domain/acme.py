"""A small company whose calls are routed. Its rows are made by `domain.resources.create`, so that
nothing stands in it which the rules forbid."""

from typing import Any

from domain import call, capacity, presence, resources, routing
from domain.call import CallSession
from domain.capacity import Capacity
from domain.dnc import DncList
from domain.presence import ContactKey, Presence
from domain.resources import Author
from domain.routing import Office, Platform, RouteRequest
from events.acd import AcdFact
from events.base import AccountId, CallId, Fact, Millis
from events.call import CallRouted, Direction, Directive, Reject
from events.capacity import CapacityFact, ChannelsTaken, Hold
from events.presence import ContactRegistered
from events.resources import DELETED
from tests.support.given import ACCOUNT, CONFIGURATION, NOW, Configuration

REALM = "acme.example"
DID = "did_1"
DID_NUMBER = "12025550123"
CALLER = "14155551234"
FLOW: dict[str, Any] = {
    "start": "entry",
    "nodes": [{"id": "entry", "type": "entry", "data": {"kind": "entry"}}],
    "edges": [],
}


class Acme:
    """The state of one account; what is decided here is applied at once."""

    def __init__(
        self, *, now: Millis = NOW, wholesale: tuple[str, ...] = (), **account: Any
    ) -> None:
        self.now = now
        self.platform = Platform(wholesale)
        self.rows = Configuration()
        self.history: list[Fact] = []
        """All that was configured."""
        self.presence = Presence()
        self.capacity = Capacity()
        self.dnc: DncList | None = None
        self.sessions: dict[CallId, CallSession] = {}
        self.turns: dict[str, int] = {}
        self.add("account", ACCOUNT, name="Acme", **account)

    # Configuration

    def add(self, kind: str, id: str, **members: Any) -> str:
        made = resources.create(
            self.rows.directory, self._author(), kind, id, members, self.rows.claim_of
        )
        self.configure(made)
        return id

    def change(self, kind: str, id: str, **members: Any) -> None:
        rows = self.rows
        self.configure(
            resources.change(rows.directory, self._author(), kind, id, members, None, rows.claim_of)
        )

    def lose(self, kind: str, id: str) -> None:
        """The row is gone although others still point to it."""
        self.configure([DELETED[kind](account_id=ACCOUNT, at=self.now, id=id, by="key_1")])

    def use_default(self, flow: str) -> None:
        """What has no (valid) target goes to this flow."""
        self.change("account", ACCOUNT, did_default_dest_kind="flow", did_default_dest_id=flow)

    def add_flow(self, id: str, is_published: int = 1, version: int = 1) -> str:
        return self.add(
            "call_flow", id, name=id, is_published=is_published, version=version, **FLOW
        )

    def add_media(self, id: str, **members: Any) -> str:
        """A media file whose audio has been uploaded."""
        key = f"{ACCOUNT}/{id}.wav"
        return self.add("media_file", id, **{"name": id, "object_key": key, **members})

    def add_did(self, kind: str | None = None, target: str | None = None, **members: Any) -> str:
        number = {"e164": "+" + DID_NUMBER, "dest_kind": kind, "dest_id": target}
        return self.add("did", DID, **{**number, **members})

    def add_user(self, username: str, devices: int = 1, **members: Any) -> str:
        """A user with devices `dev_<username>_1` …, all of them registered."""
        id = self.add("sip_user", f"us_{username}", username=username, **members)
        for number in range(1, devices + 1):
            login = username if number == 1 else f"{username}-{number}"
            device = f"dev_{username}_{number}"
            self.add("sip_device", device, user_id=id, auth_username=login, realm=REALM)
            self.register(device, id)
        return id

    def add_trunk(self, id: str, **members: Any) -> str:
        return self.add("sip_trunk", id, **{"name": id, "proxy": f"{id[3:]}.example", **members})

    def _author(self) -> Author:
        return Author(ACCOUNT, "key_1", self.now)

    def configure(self, facts: list[Fact]) -> None:
        self.history += facts
        for fact in facts:
            CONFIGURATION.evolve(self.rows, fact)

    # Presence

    def register(self, device: str, user: str) -> None:
        fact = ContactRegistered(
            account_id=ACCOUNT,
            at=self.now,
            user_id=user,
            device_id=device,
            contact=f"sip:{device}@192.0.2.1",
            ts=self.now,
            expires_at=Millis(self.now + 3_600_000),
        )
        presence.evolve(self.presence, fact)

    def unplug(self, device: str) -> None:
        keys = [key for key in self.presence.contacts if key.device_id == device]
        for key in keys:
            self._qualify(key)

    def _qualify(self, key: ContactKey) -> None:
        for fact in presence.qualify(self.presence, ACCOUNT, key, False, self.now, self.now):
            presence.evolve(self.presence, fact)

    # Calls

    def occupy(self, *holds: Hold) -> None:
        """Another call takes these channels."""
        capacity.evolve(
            self.capacity,
            ChannelsTaken(
                account_id=ACCOUNT,
                at=self.now,
                call_id=CallId(f"other-{len(self.capacity.open)}"),
                direction=Direction.INTERNAL,
                from_number="1",
                to_number="2",
                holds=holds,
            ),
        )

    def decide(
        self, ask: RouteRequest, account_id: AccountId = ACCOUNT
    ) -> tuple[CallRouted | None, list[Fact]]:
        session = self.sessions.setdefault(ask.call_id, CallSession(ask.call_id))
        office = self.office._replace(account_id=account_id)
        return routing.route(ask, session, office, self.platform, self.now)

    @property
    def office(self) -> Office:
        return Office(ACCOUNT, self.rows.directory, self.presence, self.capacity, self.dnc)

    def apply(self, facts: list[Fact]) -> None:
        for fact in facts:
            match fact:
                case CapacityFact():
                    capacity.evolve(self.capacity, fact)  # type: ignore[arg-type]
                case AcdFact():
                    presence.evolve(self.presence, fact)  # type: ignore[arg-type]
                case _:
                    call.evolve(self.sessions[CallId(fact.stream[5:])], fact)  # type: ignore[arg-type]

    def route(self, ask: RouteRequest) -> CallRouted:
        """The decision, applied."""
        routed, facts = self.decide(ask)
        self.apply(facts)
        assert routed is not None
        return routed

    def ring_in(self, to: str = "+" + DID_NUMBER, **asked: Any) -> CallRouted:
        """A call from outside."""
        return self.route(_ask(to, **{"from_": "+" + CALLER, **asked}))

    def dial(self, to: str, user: str = "1001", **asked: Any) -> CallRouted:
        """A call from the first device of a user."""
        return self.route(_ask(to, **{"from_": user, "device_id": f"dev_{user}_1", **asked}))


def _ask(to: str, call_id: str = "call-1", **asked: Any) -> RouteRequest:
    return RouteRequest(call_id=CallId(call_id), to=to, **asked)


def rejection(directive: Directive) -> tuple[int, str]:
    """Code and reason of a rejected call."""
    assert isinstance(directive, Reject)
    return directive.code, directive.reason


def steps(routed: CallRouted) -> list[tuple[str, str]]:
    """The path without its details."""
    return [(policy, outcome) for policy, outcome, _ in routed.path]
