"""A decision under way: what is asked, what is known, what was found so far."""

from dataclasses import dataclass, field
from typing import NamedTuple

from domain.capacity import Capacity, Limit
from domain.directory import Directory
from domain.dnc import DncList
from domain.presence import Presence
from domain.windows import Checked
from events.base import AccountId, CallId, Millis
from events.call import (
    Direction,
    Step,
)
from events.capacity import Dimension, Hold, TollFraudSuspected
from events.resources import (
    Account,
    Did,
    SipTrunk,
    SipUser,
)

RETRY_AFTER = 5
"""Seconds after which a call that found no free channel may be tried again."""


class RouteRequest(NamedTuple):
    """What an edge asks. `device_id` or `auth_user` mean that the edge has seen a good digest."""

    call_id: CallId
    from_: str
    to: str
    from_domain: str | None = None
    to_domain: str | None = None
    src_ip: str | None = None
    device_id: str | None = None
    auth_user: str | None = None
    trunk_id: str | None = None
    node_id: str | None = None


class Platform(NamedTuple):
    """What the operator of the platform set for all accounts."""

    wholesale: tuple[str, ...] = ()
    """SIP host[:port] of the carriers for calls that match no route of the account."""
    max_duration_sec: int = 14_400


class Office(NamedTuple):
    """What is known of the account at the moment of the decision."""

    account_id: AccountId
    directory: Directory
    presence: Presence
    capacity: Capacity
    dnc: DncList | None = None
    """The numbers that must not be called; None: the account does not ask for that."""


@dataclass(slots=True)
class Walk:
    """A decision under way: what is asked, what is known, what was found so far."""

    ask: RouteRequest
    office: Office
    platform: Platform
    now: Millis
    path: list[Step] = field(default_factory=list)
    direction: Direction = Direction.UNKNOWN
    from_number: str = ""
    to_number: str = ""
    caller: tuple[str, SipUser] | None = None
    senders: tuple[str, ...] = ()
    """Users who let the call go out although they are not its caller: limits count them too."""
    did: tuple[str, Did] | None = None
    trunk: tuple[str, SipTrunk] | None = None
    target: tuple[str, str | None] | None = None
    """Kind and id of the route target to resolve."""
    vars: dict[str, str] = field(default_factory=dict)
    limits: list[Limit] = field(default_factory=list)
    windows: list[Checked] = field(default_factory=list)
    """The call limits that the call keeps to, or exceeds without being refused."""
    is_costly: bool = False
    suspicions: list[TollFraudSuspected] = field(default_factory=list)
    emergency: bool = False

    @property
    def account(self) -> Account | None:
        return self.office.directory.account

    @property
    def country(self) -> str:
        return self.account.country if self.account else "US"

    def note(self, policy: str, outcome: str, detail: str = "") -> None:
        self.path.append(Step(policy, outcome, detail))

    def need(self, dimension: Dimension, id: str, maximum: int | None) -> None:
        self.limits.append(Limit(Hold(dimension, id), maximum))
