"""Configuration over /v1, table of contents: every kind of row that is kept in the one way.

A line here makes list, create, read, change and delete of a kind (`rows.py`), with its models in
the API document (`shapes.py`). What a row may hold is said by `domain/rules`, what it may point to
by `domain/resources.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from commands.resources import Kind
from gateways.access import ROLES


def _nothing(body: Mapping[str, Any]) -> Iterable[str]:
    return ()


def _of_role(body: Mapping[str, Any]) -> Iterable[str]:
    return ROLES.get(body.get("role", ""), ())


class Collection(NamedTuple):
    """A kind of row as the API shows it."""

    path: str
    singular: str
    kind: Kind
    scope: str
    hidden: tuple[str, ...] = ()
    """Members that are stored but never shown nor taken."""
    write_only: Mapping[str, str] = MappingProxyType({})
    """Members that are taken and never shown, with what they are."""
    filters: tuple[str, ...] = ()
    shown_once: tuple[str, ...] = ()
    """Members that only the answer to POST has."""
    read_only: tuple[str, ...] = ()
    """Members that are shown and not taken: something else sets them."""
    object_member: str | None = None
    """The member that names an object of the store, which goes with the row."""
    loose: tuple[str, ...] = ()
    """Lists of objects that are taken as they come: the rules name all their faults at once."""
    once: tuple[str, ...] = ()
    """Members that are taken when the row is made, and never again."""
    grants: Callable[[Mapping[str, Any]], Iterable[str]] = _nothing
    """The scopes that a body gives away: who writes such a row has to have them."""

    @property
    def title(self) -> str:
        """Of its models and operations: a `ring group` is a `RingGroup`."""
        return "".join(word.capitalize() for word in self.singular.split())


ACCOUNTS = Collection(
    "/accounts",
    "account",
    "account",
    "accounts",
    filters=("name", "status", "parent_id"),
    once=("parent_id",),
)
QUEUES = Collection("/queues", "queue", "queue", "queues", filters=("name",))
MEMBERS = Collection(
    "/queues/{queue_id:str}/members",
    "queue member",
    "agent_queue_assignment",
    "queues",
    read_only=("queue_id",),
    filters=("user_id", "mode"),
)

COLLECTIONS = (
    Collection("/numbers", "number", "did", "numbers", filters=("e164", "status", "dest_kind")),
    Collection("/users", "user", "sip_user", "users", filters=("username", "status")),
    Collection(
        "/devices",
        "device",
        "sip_device",
        "devices",
        hidden=("credential_ref",),
        write_only={
            "password": "The SIP password; hashed at once and never kept.",
            "ha1": "MD5(username:realm:password) in hex, instead of the password.",
            "ha1b": "MD5(username@realm:realm:password) in hex.",
            "ha1_sha256": "SHA-256(username:realm:password) in hex.",
        },
        filters=("user_id", "auth_username", "status"),
    ),
    Collection("/domains", "domain", "sip_domain", "devices", filters=("domain",)),
    Collection(
        "/extensions",
        "extension",
        "extension",
        "numbers",
        filters=("digits", "status", "dest_kind"),
    ),
    Collection("/ring-groups", "ring group", "ring_group", "queues", filters=("name",)),
    Collection("/schedules", "schedule", "time_schedule", "schedules", filters=("name",)),
    Collection("/conferences", "conference", "conference", "media", filters=("name",)),
    Collection(
        "/trunks",
        "trunk",
        "sip_trunk",
        "trunks",
        hidden=("auth_secret_ref",),
        write_only={"password": "Of the registration or the digest; kept encrypted."},
        filters=("name", "role", "direction", "status"),
    ),
    Collection(
        "/routes",
        "route",
        "outbound_route",
        "trunks",
        filters=("name", "match_prefix", "status"),
    ),
    Collection("/lists", "contact list", "contact_list", "campaign", filters=("name",)),
    Collection("/cid-pools", "caller id pool", "cid_pool", "campaign", filters=("name",)),
    Collection("/campaigns", "campaign", "campaign", "campaign", filters=("name", "status")),
    Collection(
        "/limits", "limit", "call_limit", "limits", filters=("scope_kind", "scope_id", "direction")
    ),
    Collection("/rate-plans", "rate plan", "rate_plan", "accounts", filters=("name", "currency")),
    Collection("/forwards", "forward", "forward", "numbers", filters=("name", "to")),
    Collection(
        "/in-queue-options",
        "option",
        "in_queue_option",
        "queues",
        hidden=("webhook_secret_ref",),
        write_only={"webhook_secret": "whsec_ and base64; signs the requests of a webhook option."},
        filters=("queue_id", "digit", "action"),
    ),
    Collection(
        "/flows",
        "flow",
        "call_flow",
        "flows",
        filters=("name", "is_published"),
        loose=("nodes", "edges"),
    ),
    Collection(
        "/media",
        "media",
        "media_file",
        "media",
        filters=("name", "kind"),
        read_only=("object_key", "format", "duration_ms", "size_bytes", "sha256"),
        object_member="object_key",
    ),
    Collection("/playlists", "playlist", "media_playlist", "media", filters=("name",)),
    Collection(
        "/voicemails",
        "voicemail",
        "voicemail",
        "media",
        hidden=("pin_secret_ref",),
        write_only={"pin": "Digits that open the mailbox; empty: none. Kept encrypted."},
        filters=("name",),
    ),
    Collection(
        "/webhooks",
        "webhook",
        "webhook",
        "webhooks",
        hidden=("secret_ref", "previous_secret_ref"),
        write_only={"secret": "whsec_ and base64; made when it is not given."},
        filters=("status",),
        shown_once=("secret",),
        read_only=("previous_secret_until", "disabled_reason"),
    ),
    Collection(
        "/console-users",
        "console user",
        "console_user",
        "users",
        hidden=("password_ref", "totp_ref", "session_epoch"),
        write_only={
            "password": "8 to 256 characters; kept as an argon2id hash.",
            "totp_secret": "Base32 of an authenticator app's secret; empty: no code is asked for.",
        },
        filters=("email", "role", "status"),
        read_only=("totp",),
        grants=_of_role,
    ),
)

OF_KIND = {one.kind: one for one in (ACCOUNTS, QUEUES, MEMBERS, *COLLECTIONS)}
"""Kind of row → its collection."""
