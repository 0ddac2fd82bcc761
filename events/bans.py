"""Facts of a node group's defence: who was refused, and why.

Stream ``bans-<group>``; they belong to the platform, not to a tenant.
"""

from events.base import Fact, StreamName


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
