"""What a configuration row must look like when it is written: one model per kind, bodies with
rules.

Each model is the stored body (`events/resources.py`) with the members that have a rule declared
again. Reading a stored row never comes through here, so a rule may become stricter at any time.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, time
from ipaddress import ip_network
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from domain import numbers
from domain.errors import Fault, Invalid
from domain.flow import validation
from events import resources
from events.resources import Resource


def _flag(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def _timezone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("no such IANA time zone")
    return value


def _e164(value: str, info: ValidationInfo) -> str:
    """E.164 of a number in any form; left alone where the account's country is not known, and if
    it is what the row has: that was read in the country of its time."""
    if info.context is None or value == info.context["stored"].get(info.field_name):
        return value
    number = numbers.normalise(value, info.context["country"])
    if number is None:
        raise ValueError("not a telephone number")
    return number


def _scope(value: str, info: ValidationInfo) -> str:
    """The id of what a limit counts; a number in any form is one in E.164."""
    return _e164(value, info) if info.data.get("scope_kind") == "number" else value


def _party(value: str, info: ValidationInfo) -> str:
    """A SIP URI as it is, or a number in E.164."""
    return value if numbers.is_sip_uri(value) else _e164(value, info)


def _network(value: str) -> str:
    return str(ip_network(value, strict=False))


def _regex(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return value


def _hhmm(value: str) -> str:
    if not re.fullmatch(r"[0-2][0-9]:[0-5][0-9]", value):
        raise ValueError("not a time of day as HH:MM")
    time.fromisoformat(value)
    return value


def _date(value: str) -> str:
    date.fromisoformat(value)
    return value


Flag = Annotated[int, BeforeValidator(_flag), Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=1000)]
Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9._~+*#-]{1,64}$")]
"""The user part of a SIP URI without escapes (RFC 3261 section 25.1)."""
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")]
HostPort = Annotated[str, Field(pattern=r"^[A-Za-z0-9.\[\]:-]{1,262}$")]
Digits = Annotated[str, Field(pattern=r"^[0-9*#]{1,32}$")]
Number = Annotated[str, Field(max_length=64), AfterValidator(_e164)]
Zone = Annotated[str, AfterValidator(_timezone)]
Network = Annotated[str, AfterValidator(_network)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Seconds = Annotated[int, Field(ge=0, le=86_400)]
TimeOfDay = Annotated[str, AfterValidator(_hhmm)]
Date = Annotated[
    str,
    Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"),
    AfterValidator(_date),
]
Id = Annotated[str, Field(min_length=1, max_length=64)]
WebUrl = Annotated[str, Field(max_length=2000, pattern=r"^https?://[^\s@/]+(/\S*)?$")]
Mailbox = Annotated[
    str, Field(max_length=254, pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]+$")
]
"""One e-mail address without a name (RFC 5321 section 4.1.2), in ASCII: it goes into a header."""
DestKind = Literal[
    "flow",
    "user",
    "extension",
    "ring_group",
    "queue",
    "voicemail",
    "conference",
    "forward",
    "trunk",
    "hangup",
]
Transport = Literal["udp", "tcp", "tls", "wss"]
Status = Literal["active", "disabled"]
WebhookEvent = Literal[
    "*",
    "call.started",
    "call.answered",
    "call.ended",
    "call.recording",
    "queue.entered",
    "queue.answered",
    "queue.abandoned",
    "agent.state",
    "voicemail.received",
    "campaign.finished",
    "security.ban",
    "limit.exceeded",
    "test",
]

_STRICT = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Account(resources.Account):
    model_config = _STRICT
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
    model_config = _STRICT
    domain: Host
    is_primary: Flag = 0


class SipUser(resources.SipUser):
    model_config = _STRICT
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
    model_config = _STRICT
    user_id: Id
    auth_username: Token
    realm: Host
    transport: Transport = "udp"
    is_webrtc: Flag = 0
    ring_order: Count = 0
    ring_on_fork: Flag = 1
    status: Status = "active"


class Did(resources.Did):
    model_config = _STRICT
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
    model_config = _STRICT
    digits: Digits
    dest_kind: DestKind | None = None
    status: Status = "active"
    closed_dest_kind: DestKind | None = None
    holiday_dest_kind: DestKind | None = None


class RingGroupMember(resources.RingGroupMember):
    model_config = _STRICT
    user_id: Id | None = None
    device_id: Id | None = None
    position: Count = 0
    delay_sec: Annotated[int, Field(ge=0, le=600)] = 0
    timeout_sec: Annotated[int, Field(ge=1, le=600)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.user_id is None) == (self.device_id is None):
            raise ValueError("names either a user or a device")
        return self


class RingGroup(resources.RingGroup):
    model_config = _STRICT
    name: Name
    strategy: Literal["ring_all", "sequential", "round_robin"] = "ring_all"
    ring_timeout_sec: Annotated[int, Field(ge=1, le=600)] = 25
    exit_dest_kind: DestKind | None = None
    closed_dest_kind: DestKind | None = None
    holiday_dest_kind: DestKind | None = None
    members: Annotated[tuple[RingGroupMember, ...], Field(max_length=100)] = ()


class Conference(resources.Conference):
    model_config = _STRICT
    name: Name
    pin: Annotated[str, Field(pattern="^[0-9]{1,16}$")] | None = None
    max_members: Count | None = None
    record: Flag = 0
    wait_for_moderator: Flag = 0


class SipTrunk(resources.SipTrunk):
    model_config = _STRICT
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
    model_config = _STRICT
    name: Text = ""
    priority: Count = 0
    match_prefix: Annotated[str, Field(pattern="^[0-9]{0,15}$")] | None = None
    match_regex: Annotated[str, Field(max_length=200), AfterValidator(_regex)] | None = None
    strip_digits: Annotated[int, Field(ge=0, le=15)] = 0
    prepend: Annotated[str, Field(pattern=r"^[0-9*#+]{0,15}$")] = ""
    trunk_ids: Annotated[tuple[Id, ...], Field(max_length=20)] = ()
    cost_micros_per_min: Count | None = None
    status: Status = "active"


class ScheduleRule(resources.ScheduleRule):
    model_config = _STRICT
    kind: Literal["weekly", "date", "date_range"]
    dow: Annotated[int, Field(ge=0, le=6)] | None = None
    start_time: TimeOfDay | None = None
    end_time: TimeOfDay | None = None
    start_date: Date | None = None
    end_date: Date | None = None
    is_closed: Flag = 0
    label: Text | None = None

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if self.kind == "weekly" and self.dow is None:
            raise ValueError("a weekly rule needs dow")
        if self.kind != "weekly" and self.start_date is None:
            raise ValueError(f"a {self.kind} rule needs start_date")
        if self.kind == "date_range" and (self.end_date or "") < (self.start_date or ""):
            raise ValueError("a date_range rule needs an end_date, not before its start_date")
        return self


class TimeSchedule(resources.TimeSchedule):
    model_config = _STRICT
    name: Name
    timezone: Zone | None = None
    rules: Annotated[tuple[ScheduleRule, ...], Field(max_length=1000)] = ()


class Queue(resources.Queue):
    model_config = _STRICT
    name: Name
    strategy: Literal[
        "longest_idle",
        "round_robin",
        "top_down",
        "fewest_calls",
        "least_talk_time",
        "random",
        "ring_all",
        "ring_progressively",
    ] = "longest_idle"
    agent_ring_timeout_sec: Annotated[int, Field(ge=1, le=600)] = 20
    max_wait_sec: Seconds = 600
    wrap_up_sec: Seconds = 10
    max_no_answer: Count = 3
    announce_position: Flag = 0
    announce_first_sec: Seconds = 15
    announce_interval_sec: Seconds = 30
    moh_mode: Literal["stream", "file"] = "stream"
    timeout_dest_kind: DestKind | None = None
    max_queued: Count | None = None
    priority: Count = 0
    closed_dest_kind: DestKind | None = None
    holiday_dest_kind: DestKind | None = None
    no_agents_dest_kind: DestKind | None = None
    queue_full_dest_kind: DestKind | None = None
    abandon_dest_kind: DestKind | None = None
    ewt_dest_kind: DestKind | None = None
    ewt_threshold_sec: Seconds | None = None
    ewt_aht_sec: Annotated[int, Field(ge=1, le=86_400)] = 180
    sl_threshold_sec: Seconds = 20
    sl_target_pct: Annotated[int, Field(ge=0, le=100)] = 80
    recording: Flag = 0
    confirm_accept: Flag = 0


class AgentQueueAssignment(resources.AgentQueueAssignment):
    model_config = _STRICT
    queue_id: Id
    user_id: Id
    tier_level: Count = 1
    position: Count = 0
    mode: Literal["static", "mandatory", "self", "managed"] = "static"


class InQueueOption(resources.InQueueOption):
    model_config = _STRICT
    queue_id: Id
    digit: Annotated[str, Field(pattern=r"^[0-9*#]$")]
    action: Literal["route", "webhook", "deflect", "callback", "hangup"]
    dest_kind: DestKind | None = Field(default=None, validate_default=True)
    webhook_url: WebUrl | None = Field(default=None, validate_default=True)
    stay_in_queue: Flag = 0
    label: Text = ""

    @field_validator("dest_kind")
    @classmethod
    def _leads_somewhere(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("action") == "route":
            raise ValueError("a route option needs a destination")
        return value

    @field_validator("webhook_url")
    @classmethod
    def _asks_somebody(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("action") == "webhook":
            raise ValueError("a webhook option needs a URL")
        return value


class Forward(resources.Forward):
    model_config = _STRICT
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


class CallFlow(resources.CallFlow):
    model_config = _STRICT
    name: Name
    version: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1
    start: Id
    is_published: Flag = 0


class Voicemail(resources.Voicemail):
    model_config = _STRICT
    name: Text = ""
    skip_instructions: Flag = 0
    quota_mb: Count = 200
    notify_email: Mailbox | None = None


class MediaFile(resources.MediaFile):
    model_config = _STRICT
    name: Name
    kind: Literal["prompt", "moh", "greeting", "announcement", "recording", "voicemail"] = "prompt"
    object_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_./@-]{1,512}$")] | None = None
    format: Annotated[str, Field(pattern="^[a-z0-9]{1,8}$")] | None = None
    duration_ms: Annotated[int, Field(ge=0)] | None = None
    size_bytes: Annotated[int, Field(ge=0)] | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None


class MediaPlaylist(resources.MediaPlaylist):
    model_config = _STRICT
    name: Name
    media_ids: Annotated[tuple[Id, ...], Field(max_length=100)] = ()


class CallLimit(resources.CallLimit):
    model_config = _STRICT
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
    model_config = _STRICT
    url: WebUrl
    events: Annotated[tuple[WebhookEvent, ...], Field(min_length=1, max_length=50)] = ("*",)
    status: Literal["active", "paused", "disabled"] = "active"
    description: Text | None = None


class ApiKey(resources.ApiKey):
    model_config = _STRICT
    name: Name
    kind: Literal["sk", "node"]
    scopes: Annotated[tuple[str, ...], Field(max_length=50)]
    expires_at: Annotated[int, Field(ge=0)] | None = None
    status: Literal["active", "revoked"] = "active"


RULES: dict[str, type[Resource]] = {
    "account": Account,
    "sip_domain": SipDomain,
    "sip_user": SipUser,
    "sip_device": SipDevice,
    "did": Did,
    "extension": Extension,
    "sip_trunk": SipTrunk,
    "outbound_route": OutboundRoute,
    "time_schedule": TimeSchedule,
    "queue": Queue,
    "agent_queue_assignment": AgentQueueAssignment,
    "in_queue_option": InQueueOption,
    "forward": Forward,
    "call_flow": CallFlow,
    "voicemail": Voicemail,
    "ring_group": RingGroup,
    "conference": Conference,
    "webhook": Webhook,
    "api_key": ApiKey,
    "call_limit": CallLimit,
    "media_file": MediaFile,
    "media_playlist": MediaPlaylist,
}


_NOTHING: Mapping[str, Any] = MappingProxyType({})


def check(
    kind: str, members: Mapping[str, Any], country: str, stored: Mapping[str, Any] = _NOTHING
) -> Resource:
    """The body that `members` make, in its stored type. `country` is the hint for national numbers;
    `stored` is the body of the row that they change.

    Raises `Invalid` with one fault per bad member.
    """
    if nul := nul_faults(members):
        raise Invalid(f"the {kind} is not valid", nul)
    found: list[Fault] = validation.faults(members) if kind == "call_flow" else []
    try:
        ruled = RULES[kind].model_validate(members, context={"country": country, "stored": stored})
    except ValidationError as error:
        raise Invalid(f"the {kind} is not valid", faults_of(error) + found) from None
    if found:
        raise Invalid(f"the {kind} is not valid", found)
    return resources.KINDS[kind].model_validate(ruled.model_dump())


def nul_faults(members: Mapping[str, Any]) -> list[Fault]:
    """U+0000 is a character in JSON and none in PostgreSQL."""
    return list(_with_nul(members))


def _with_nul(value: Any, pointer: str = "") -> Iterator[Fault]:
    if isinstance(value, str) and "\0" in value:
        yield Fault(pointer, "has a NUL character")
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from _with_nul(name, f"{pointer}/{name}")
            yield from _with_nul(member, f"{pointer}/{name}")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _with_nul(item, f"{pointer}/{number}")


def faults_of(error: ValidationError) -> list[Fault]:
    """Pydantic's findings as JSON pointers with a sentence each."""
    faults = []
    for found in error.errors(include_url=False, include_context=False, include_input=False):
        path = "".join(
            f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in found["loc"]
        )
        faults.append(Fault(path, found["msg"]))
    return faults
