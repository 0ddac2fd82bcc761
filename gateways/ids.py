"""New identifiers: TypeIDs, a prefix and a UUIDv7 in Crockford base32."""

from typeid import TypeID

PREFIXES = {
    "account": "acc",
    "sip_domain": "dom",
    "sip_user": "us",
    "sip_device": "dev",
    "did": "did",
    "extension": "ext",
    "sip_trunk": "tr",
    "outbound_route": "route",
    "time_schedule": "sch",
    "queue": "q",
    "agent_queue_assignment": "aqa",
    "in_queue_option": "opt",
    "forward": "fwd",
    "call_flow": "flow",
    "voicemail": "vm",
    "ring_group": "rg",
    "conference": "conf",
    "webhook": "wh",
    "api_key": "key",
    "call_limit": "lim",
    "rate_plan": "rate",
    "media_file": "media",
    "media_playlist": "pl",
    "contact_list": "list",
    "cid_pool": "cidpool",
    "campaign": "camp",
    "console_user": "cu",
}
"""Kind of row → prefix (spec 01)."""


def new_id(prefix: str) -> str:
    return str(TypeID(prefix=prefix))
