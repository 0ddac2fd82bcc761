"""Numbers, and the ways in and out."""

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    ValidationInfo,
    field_validator,
)

from domain import numbers
from domain.rules.members import (
    STRICT,
    Count,
    DestKind,
    Digits,
    Flag,
    Host,
    HostPort,
    Id,
    Name,
    Network,
    Number,
    Status,
    Text,
    Token,
    e164,
)
from events import resources


def _party(value: str, info: ValidationInfo) -> str:
    """A SIP URI as it is, or a number in E.164."""
    return value if numbers.is_sip_uri(value) else e164(value, info)


Weight = Annotated[int, Field(ge=1, le=1000)]


def _regex(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return value


class Did(resources.Did):
    model_config = STRICT
    e164: Number
    label: Text = ""
    status: Literal["active", "disabled", "virtual"] = "active"
    dest_kind: DestKind | None = None
    max_channels: Count | None = None
    fax_mode: Literal["voice", "t38", "passthrough"] = "voice"
    allow_anonymous: Flag = 1
    closed_dest_kind: DestKind | None = None
    holiday_dest_kind: DestKind | None = None


class Extension(resources.Extension):
    model_config = STRICT
    digits: Digits
    dest_kind: DestKind | None = None
    status: Status = "active"
    closed_dest_kind: DestKind | None = None
    holiday_dest_kind: DestKind | None = None


class SipTrunk(resources.SipTrunk):
    model_config = STRICT
    name: Name
    role: Literal["carrier", "pbx"] = "carrier"
    direction: Literal["inbound", "outbound", "both"] = "both"
    proxy: HostPort | None = None
    transport: Literal["udp", "tcp", "tls"] = "udp"
    do_register: Flag = 0
    auth_username: Token | None = None
    realm: Host | None = None
    from_domain: Host | None = None
    from_user: Token | None = None
    expire_sec: Annotated[int, Field(ge=30, le=86_400)] = 3600
    cid_number: Number | None = None
    max_channels: Count | None = None
    inbound_auth: Literal["ip", "digest", "register"] = "ip"
    inbound_ips: tuple[Network, ...] = ()
    status: Status = "active"


class OutboundRoute(resources.OutboundRoute):
    model_config = STRICT
    name: Text = ""
    priority: Count = 0
    match_prefix: Annotated[str, Field(pattern="^[0-9]{0,15}$")] | None = None
    match_regex: Annotated[str, Field(max_length=200), AfterValidator(_regex)] | None = None
    strip_digits: Annotated[int, Field(ge=0, le=15)] = 0
    prepend: Annotated[str, Field(pattern=r"^[0-9*#+]{0,15}$")] = ""
    trunk_ids: Annotated[tuple[Id, ...], Field(max_length=20)] = ()
    weights: Annotated[dict[Id, Weight], Field(max_length=20)] = Field(default_factory=dict)
    cid_policy: Literal["user", "account", "trunk", "keep"] = "user"
    cost_micros_per_min: Count | None = None
    status: Status = "active"


class Forward(resources.Forward):
    model_config = STRICT
    name: Name
    to: Annotated[str, Field(max_length=255), AfterValidator(_party)]
    cid_policy: Literal["keep", "account", "number"] = "keep"
    cid_number: Number | None = Field(default=None, validate_default=True)
    ring_timeout_sec: Annotated[int, Field(ge=1, le=600)] = 25

    @field_validator("cid_number")
    @classmethod
    def _is_there_to_show(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("cid_policy") == "number":
            raise ValueError("the policy 'number' needs a number")
        return value
