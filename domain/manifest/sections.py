"""The sections of a file: which rows they hold, what names one, and what is not the file's."""

import re
from collections.abc import Mapping
from typing import Any

from events.resources import KINDS

SECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "domains": ("sip_domain", ("domain",)),
    "media": ("media_file", ("name",)),
    "playlists": ("media_playlist", ("name",)),
    "schedules": ("time_schedule", ("name",)),
    "voicemails": ("voicemail", ("name",)),
    "forwards": ("forward", ("name",)),
    "users": ("sip_user", ("username",)),
    "devices": ("sip_device", ("auth_username", "realm")),
    "queues": ("queue", ("name",)),
    "ring_groups": ("ring_group", ("name",)),
    "conferences": ("conference", ("name",)),
    "queue_members": ("agent_queue_assignment", ("queue_id", "user_id")),
    "trunks": ("sip_trunk", ("name",)),
    "routes": ("outbound_route", ("name",)),
    "flows": ("call_flow", ("name",)),
    "extensions": ("extension", ("digits",)),
    "in_queue_options": ("in_queue_option", ("queue_id", "digit")),
    "numbers": ("did", ("e164",)),
    "limits": ("call_limit", ("name",)),
    "rate_plans": ("rate_plan", ("name",)),
    "contact_lists": ("contact_list", ("name",)),
    "cid_pools": ("cid_pool", ("name",)),
    "campaigns": ("campaign", ("name",)),
    "webhooks": ("webhook", ("url",)),
}
"""Section → kind of its rows and what names one. Most rows can be made in this order."""

SECTION_OF = {kind: section for section, (kind, _) in SECTIONS.items()}
NAMED_BY = dict(SECTIONS.values()) | {"account": ("name",)}

WRITE_ONLY: dict[str, tuple[str, ...]] = {
    "sip_device": ("password", "ha1", "ha1b", "ha1_sha256"),
    "sip_trunk": ("password",),
    "voicemail": ("pin",),
    "in_queue_option": ("webhook_secret",),
    "webhook": ("secret",),
}
"""Kind → members that are taken in clear and never shown: a member `*_ref` says where they lie."""

_MANAGED: dict[str, tuple[str, ...]] = {
    "call_flow": ("version", "live_version", "is_published"),
    "media_file": ("object_key", "format", "duration_ms", "size_bytes", "sha256"),
    "webhook": ("previous_secret_until", "disabled_reason"),
}
"""Kind → members that something else than a file sets, too: they stay if they are not named."""
COUNTED: dict[str, tuple[str, ...]] = {"call_flow": ("version", "live_version")}
"""Kind → members that a row which is there counts by itself, whatever a file says."""

_ID = re.compile(r"[a-z]+_[0-9a-z]{26}")


def is_id(text: str) -> bool:
    """Whether it has the shape of a row's id; no name that has it can be referred to."""
    return _ID.fullmatch(text) is not None


def refs_of(kind: str) -> tuple[str, ...]:
    """The members that say where a secret lies in the encrypted store."""
    return tuple(member for member in KINDS[kind].model_fields if member.endswith("_ref"))


def kept_of(kind: str) -> tuple[str, ...]:
    """The members that stay as they are if a file does not name them."""
    if kind == "account":
        return tuple(KINDS[kind].model_fields)
    return (*refs_of(kind), *_MANAGED.get(kind, ()))


def not_exported(kind: str) -> tuple[str, ...]:
    """The members that another account could not take over."""
    if kind in ("media_file", "webhook"):
        return (*refs_of(kind), *_MANAGED[kind])
    return (*refs_of(kind), *(("live_version",) if kind == "call_flow" else ()))


def title_of(kind: str, members: Mapping[str, Any]) -> str:
    """What names a row, for people and as other rows refer to it."""
    joint = "@" if kind == "sip_device" else " "
    return joint.join(str(members.get(name, "")) for name in NAMED_BY.get(kind, ()))
