"""Facts of a node group's defence: who was refused and banned, where, and who is let in for sure.

Stream ``bans-<group>``; they belong to the platform, not to a tenant. Addresses are in canonical
form (RFC 5952), an IPv4 address mapped into IPv6 as IPv4.
"""

from events.base import Fact, Millis, StreamName


class BansFact(Fact):
    group: str = "default"
    ip: str

    @property
    def stream(self) -> StreamName:
        return StreamName("bans-" + self.group)


class AuthFailed(BansFact):
    """A digest was refused (the first of its kind within a minute)."""

    username: str
    realm: str
    reason: str


class AccessRefused(BansFact):
    """A caller without the right to do so knocked at a gated endpoint (first within a minute)."""

    path: str
    status: int


class NodeBanFact(BansFact):
    node_id: str
    ts: Millis
    """The time of the node's snapshot, by the node's clock."""


class BanObserved(NodeBanFact):
    """A node has banned the address, or has more to say about a ban that it has."""

    reason: str
    jail: str | None = None
    hits: int
    first_seen: Millis
    expires_at: Millis | None = None
    user_agent: str | None = None
    country: str | None = None


class BanExpired(NodeBanFact):
    """The node has the ban no more."""


class BanImposed(BansFact):
    """A rule of our own banned the address on all nodes."""

    rule: str
    hits: int
    """Offences within the rule's period."""
    expires_at: Millis
    detail: str = ""
    """What gave it away: a login, a dialled number, a user agent."""


class BanLifted(BansFact):
    """The address is to be banned nowhere any more."""

    by: str


class RangeAllowed(BansFact):
    """`ip`, an address or a network (CIDR), is not banned, whatever it does."""

    by: str
    note: str | None = None
    expires_at: Millis | None = None


class RangeDisallowed(BansFact):
    """`ip`, an address or a network, is on the list of the allowed no more."""

    by: str
