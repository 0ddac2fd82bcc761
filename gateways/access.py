"""Who asks, and may they? Keys and tokens, source addresses, scopes (spec 03 Gating, spec 06)."""

import hashlib
import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, get_args

from domain.errors import Forbidden
from domain.rules.people import Role
from events.base import AccountId
from gateways.addresses import Network, lies_in
from gateways.problems import Unauthenticated

PREFIX_LENGTH = 11
"""Characters of a key that are kept in clear, to find it."""

SCOPES = frozenset(
    {
        *("cdr", "agents", "queues", "numbers", "dnc", "campaign", "webhooks", "messaging"),
        *("caller_id", "wallboard", "accounts", "users", "devices", "flows", "schedules"),
        *("trunks", "media", "limits", "security", "analyze", "tests", "audit", "keys", "*"),
    }
)


ROLES: dict[Role, frozenset[str]] = {
    "owner": frozenset({"*"}),
    "admin": SCOPES - {"*", "accounts"},
    "supervisor": frozenset(
        {
            *("cdr", "agents", "queues", "dnc", "campaign", "messaging", "wallboard"),
            *("schedules", "media", "analyze"),
        }
    ),
    "analyst": frozenset({"cdr", "wallboard", "analyze", "tests", "audit"}),
    "agent": frozenset({"wallboard"}),
}
"""What a console user may do. A scope is about a whole account: an agent who had `agents` could log
out his colleagues."""
assert set(ROLES) == set(get_args(Role)), "every role has its scopes"

SIPS_SCOPES = ("analyze",)
"""What a key for diagnosis opens."""


class Principal(NamedTuple):
    """Somebody who showed a good credential."""

    via: Literal["node", "admin", "key", "session"]
    id: str
    """The key's id, the console user's, or the node's address."""
    account_id: AccountId | None
    """None: not bound to an account (a node, the admin)."""
    scopes: frozenset[str]
    plan: str | None = None
    """Of a sips key."""
    session_id: str | None = None
    """Of a console user who has logged in."""

    def require(self, scope: str) -> None:
        if scope not in self.scopes and "*" not in self.scopes:
            raise Forbidden(f"this needs the scope '{scope}'")


def new_key(kind: str, drawn: bytes) -> tuple[str, dict[str, str]]:
    """A new secret of 32 drawn bytes, and what is stored of it: its prefix and its hash."""
    base64 = urlsafe_b64encode(drawn).decode().rstrip("=")
    key = f"{kind}_{drawn[:20].hex() if kind == 'sips' else base64}"
    return key, {"prefix": key[:PREFIX_LENGTH], "sha256": _hash(key)}


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def match_key(
    key: str, candidates: Iterable[tuple[str, str, Mapping[str, Any]]], kind: str
) -> Principal | None:
    """The principal behind `key` among the stored keys (id, account, body) with its prefix.

    Compared in constant time; revoked and expired keys match nothing.
    """
    hashed = _hash(key)
    for id, account_id, body in candidates:
        if not hmac.compare_digest(hashed, str(body["sha256"])) or body["kind"] != kind:
            continue
        if body["status"] != "active" or _is_expired(body):
            return None
        via: Literal["node", "key"] = "node" if kind == "node" else "key"
        owner = None if kind == "node" else AccountId(account_id)
        return Principal(via, id, owner, frozenset(body["scopes"]), body.get("plan"))
    return None


def _is_expired(body: Mapping[str, Any]) -> bool:
    return body["expires_at"] is not None and body["expires_at"] <= time.time()


class Gate(NamedTuple):
    """What opens the edge control plane."""

    node_cidrs: tuple[Network, ...]
    admin_token: str

    def node(self, address: str) -> Principal | None:
        """A caller at a trusted address is a node."""
        if lies_in(address, self.node_cidrs):
            return Principal("node", address, None, frozenset({"*"}))
        return None

    def admin(self, token: str | None) -> Principal | None:
        if token is None:
            return None
        if not self.admin_token or not hmac.compare_digest(
            token.encode(), self.admin_token.encode()
        ):
            raise Unauthenticated("x-admin-token is not valid")
        return Principal("admin", "admin", None, frozenset({"*"}))
