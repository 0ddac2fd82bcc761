"""Accounts, their people and telephones, and what programs may do for them."""

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    ValidationInfo,
    field_validator,
)

from domain.rules.members import (
    STRICT,
    Count,
    DestKind,
    Flag,
    Host,
    Id,
    Mailbox,
    Name,
    Number,
    Status,
    Text,
    Token,
    Transport,
    WebhookEvent,
    WebUrl,
    Zone,
    e164,
)
from events import resources


def _scope(value: str, info: ValidationInfo) -> str:
    """The id of what a limit counts; a number in any form is one in E.164."""
    return e164(value, info) if info.data.get("scope_kind") == "number" else value


class Account(resources.Account):
    model_config = STRICT
    name: Name
    status: Literal["active", "suspended", "closed"] = "active"
    is_reseller: Flag = 0
    timezone: Zone = "UTC"
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "US"
    max_in: Count | None = None
    max_out: Count | None = None
    max_dialer: Count | None = None
    default_cid_number: Number | None = None
    voice_gender: Literal["male", "female"] = "male"
    did_default_dest_kind: DestKind | None = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"
    toll_fraud: Literal["off", "alert", "block"] = "alert"
    dnc_outbound: Flag = 0


class SipDomain(resources.SipDomain):
    model_config = STRICT
    domain: Host
    is_primary: Flag = 0


class SipUser(resources.SipUser):
    model_config = STRICT
    username: Token
    display_name: Text = ""
    is_agent: Flag = 0
    out_cid_number: Number | None = None
    max_simultaneous: Count | None = None
    ring_strategy: Literal["simultaneous", "sequential", "specific"] = "simultaneous"
    ring_timeout_sec: Annotated[int, Field(ge=1, le=600)] = 25
    dnd: Flag = 0
    fwd_always_kind: DestKind | None = None
    fwd_busy_kind: DestKind | None = None
    fwd_noanswer_kind: DestKind | None = None
    allow_pstn_blind_transfer: Flag = 0
    auto_ready_on_login: Flag = 0
    auto_queue_login: Flag = 0
    status: Status = "active"


class SipDevice(resources.SipDevice):
    model_config = STRICT
    user_id: Id
    auth_username: Token
    realm: Host
    transport: Transport = "udp"
    is_webrtc: Flag = 0
    ring_order: Count = 0
    ring_on_fork: Flag = 1
    status: Status = "active"


class CallLimit(resources.CallLimit):
    model_config = STRICT
    name: Text = ""
    scope_kind: Literal["account", "user", "did", "number"]
    scope_id: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_scope)] | None = (
        None
    )
    direction: Literal["in", "out", "dialer", "any"] = "any"
    period_sec: Annotated[int, Field(ge=1, le=31 * 86_400)]
    max_count: Annotated[int, Field(ge=0, le=100_000)]
    hard: Flag = 1


class Webhook(resources.Webhook):
    model_config = STRICT
    url: WebUrl
    events: Annotated[tuple[WebhookEvent, ...], Field(min_length=1, max_length=50)] = ("*",)
    status: Literal["active", "paused", "disabled"] = "active"
    disabled_reason: Text | None = None
    description: Text | None = None

    @field_validator("disabled_reason")
    @classmethod
    def _only_while_disabled(cls, value: str | None, info: ValidationInfo) -> str | None:
        return value if info.data.get("status") == "disabled" else None


class ApiKey(resources.ApiKey):
    model_config = STRICT
    name: Name
    kind: Literal["sk", "sips", "node"]
    scopes: Annotated[tuple[str, ...], Field(max_length=50)]
    plan: Literal["pro", "teams"] | None = None
    expires_at: Annotated[int, Field(ge=0)] | None = None
    status: Literal["active", "revoked"] = "active"


Role = Literal["owner", "admin", "supervisor", "analyst", "agent"]


class ConsoleUser(resources.ConsoleUser):
    model_config = STRICT
    email: Annotated[Mailbox, AfterValidator(str.lower)]
    name: Text = ""
    role: Role
    status: Status = "active"
    totp: Flag = 0
