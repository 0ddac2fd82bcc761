"""Facts of configuration: a resource was created, changed, deleted; a global name was claimed.

Stream ``<resource id>`` for a resource, ``claim-<space>-<name>`` for a name that must be unique
over the whole platform (a number, a SIP domain, a device's login, a console user's e-mail).

The bodies say what is stored: plain types, no rules. Rules stand in `domain/rules.py`, so that a
rule made stricter never makes an old stream unreadable. Flags are 0/1; times are epoch seconds.
Secrets are references (``*_ref``) into the encrypted store or one-way hashes, never in clear.
"""

from typing import Any, Generic, TypeVar

from pydantic import ConfigDict, Field

from events.base import Fact, StreamName, Value


class Resource(Value):
    """The body of a configuration row, without the members that every row has. What stands below a
    member is its description in the API document too."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Account(Resource):
    """A tenant: whose numbers, people and calls these are."""

    parent_id: str | None = None
    """The reseller's account above it."""
    name: str
    status: str = "active"
    is_reseller: int = 0
    timezone: str = "UTC"
    """IANA name."""
    country: str = "US"
    """ISO 3166-1; national numbers are read in it."""
    brand_name: str | None = None
    brand_domain: str | None = None
    max_in: int | None = None
    """Calls at the same time from outside. Null: no limit of its own."""
    max_out: int | None = None
    """The same to outside."""
    max_dialer: int | None = None
    """The same of campaigns."""
    default_cid_number: str | None = None
    language: str = "en-US"
    voice_gender: str = "male"
    did_default_dest_kind: str | None = None
    """Where a call goes to a number that leads nowhere."""
    did_default_dest_id: str | None = None
    did_default_dest_xform: dict[str, str] | None = None
    currency: str = "USD"
    rate_plan_id: str | None = None
    """By what its calls are rated when they end; null: by nothing."""
    toll_fraud: str = "alert"
    """What becomes of suddenly many calls to costly numbers, or dear ones: off, alert or block."""
    dnc_outbound: int = 0
    """1: outbound calls to numbers on the do-not-call list are refused."""


class SipDomain(Resource):
    """A SIP domain in which the account's telephones register."""

    domain: str
    is_primary: int = 0


class SipUser(Resource):
    """Somebody who has telephones, and may be an agent of queues."""

    username: str
    display_name: str = ""
    is_agent: int = 0
    out_cid_number: str | None = None
    out_cid_name: str | None = None
    max_simultaneous: int | None = None
    """Calls at the same time. Null: no limit of its own."""
    ring_strategy: str = "simultaneous"
    ring_timeout_sec: int = 25
    """Seconds until nobody has answered."""
    voicemail_id: str | None = None
    dnd: int = 0
    """1: do not disturb."""
    fwd_always_kind: str | None = None
    fwd_always_id: str | None = None
    fwd_busy_kind: str | None = None
    fwd_busy_id: str | None = None
    fwd_noanswer_kind: str | None = None
    fwd_noanswer_id: str | None = None
    allow_pstn_blind_transfer: int = 0
    auto_ready_on_login: int = 0
    auto_queue_login: int = 0
    status: str = "active"


class SipDevice(Resource):
    """A telephone of a user, and how it logs in."""

    user_id: str
    auth_username: str
    realm: str
    credential_ref: str | None = None
    """Where the HA1 hashes lie in the encrypted store."""
    transport: str = "udp"
    is_webrtc: int = 0
    ring_order: int = 0
    ring_on_fork: int = 1
    status: str = "active"


class Did(Resource):
    """A telephone number, and where a call to it goes."""

    e164: str
    """In any form when it is given; shown as E.164 without the plus."""
    label: str = ""
    status: str = "active"
    dest_kind: str | None = None
    dest_id: str | None = None
    dest_xform: dict[str, str] | None = None
    max_channels: int | None = None
    """Calls at the same time. Null: no limit of its own."""
    fax_mode: str = "voice"
    allow_anonymous: int = 1
    schedule_id: str | None = None
    closed_dest_kind: str | None = None
    """Where a call goes while `schedule_id` is closed."""
    closed_dest_id: str | None = None
    holiday_dest_kind: str | None = None
    """Where it goes on a holiday; null: as when closed."""
    holiday_dest_id: str | None = None


class Extension(Resource):
    """Digits that are dialled inside the account, and where they lead."""

    digits: str
    dest_kind: str | None = None
    dest_id: str | None = None
    dest_xform: dict[str, str] | None = None
    status: str = "active"
    schedule_id: str | None = None
    closed_dest_kind: str | None = None
    closed_dest_id: str | None = None
    holiday_dest_kind: str | None = None
    holiday_dest_id: str | None = None


class RingGroupMember(Value):
    """Either a user, with all devices, or one device."""

    user_id: str | None = None
    device_id: str | None = None
    position: int = 0
    delay_sec: int = 0
    timeout_sec: int | None = None


class RingGroup(Resource):
    """Telephones that ring together or one after another."""

    name: str
    strategy: str = "ring_all"
    ring_timeout_sec: int = 25
    moh_media_id: str | None = None
    exit_dest_kind: str | None = None
    exit_dest_id: str | None = None
    schedule_id: str | None = None
    closed_dest_kind: str | None = None
    closed_dest_id: str | None = None
    holiday_dest_kind: str | None = None
    holiday_dest_id: str | None = None
    members: tuple[RingGroupMember, ...] = ()


class Conference(Resource):
    """A room in which callers talk."""

    name: str
    pin: str | None = None
    max_members: int | None = None
    moh_media_id: str | None = None
    record: int = 0
    wait_for_moderator: int = 0


class SipTrunk(Resource):
    """A line to a carrier or to a PBX."""

    name: str
    role: str = "carrier"
    direction: str = "both"
    provider: str | None = None
    proxy: str | None = None
    transport: str = "udp"
    do_register: int = 0
    auth_username: str | None = None
    auth_secret_ref: str | None = None
    realm: str | None = None
    from_domain: str | None = None
    from_user: str | None = None
    expire_sec: int = 3600
    cid_number: str | None = None
    max_channels: int | None = None
    inbound_auth: str = "ip"
    inbound_ips: tuple[str, ...] = ()
    status: str = "active"


class OutboundRoute(Resource):
    """By which trunks a call to a number outside leaves."""

    name: str = ""
    priority: int = 0
    """Lower ones are tried first."""
    match_prefix: str | None = None
    match_regex: str | None = None
    strip_digits: int = 0
    prepend: str = ""
    trunk_ids: tuple[str, ...] = ()
    weights: dict[str, int] = Field(default_factory=dict)
    """Trunk → how often it is tried first (1 where it is not named). Empty: in their order."""
    cid_policy: str = "user"
    """Whose number is shown: the user's (else the account's, the trunk's), the account's, the
    trunk's, or the caller's as it came."""
    schedule_id: str | None = None
    """The route is there while this is open."""
    cost_micros_per_min: int | None = None
    status: str = "active"


class ScheduleRule(Value):
    kind: str
    dow: int | None = None
    start_time: str | None = None
    end_time: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    is_closed: int = 0
    label: str | None = None


class TimeSchedule(Resource):
    """When it is open, and when there is a holiday."""

    name: str
    timezone: str | None = None
    """IANA name; null: the account's."""
    rules: tuple[ScheduleRule, ...] = ()


class Queue(Resource):
    """Callers who wait, and how they are given to agents."""

    name: str
    strategy: str = "longest_idle"
    agent_ring_timeout_sec: int = 20
    max_wait_sec: int = 600
    """Seconds after which a caller goes to `timeout_dest`."""
    wrap_up_sec: int = 10
    """Seconds that an agent has after a call."""
    max_no_answer: int = 3
    """Calls that an agent may miss before he is paused."""
    announce_position: int = 0
    announce_first_sec: int = 15
    announce_interval_sec: int = 30
    moh_mode: str = "stream"
    language: str | None = None
    timeout_dest_kind: str | None = None
    timeout_dest_id: str | None = None
    schedule_id: str | None = None
    max_queued: int | None = None
    """Callers who may wait. Null: any number."""
    priority: int = 0
    closed_dest_kind: str | None = None
    closed_dest_id: str | None = None
    holiday_dest_kind: str | None = None
    holiday_dest_id: str | None = None
    no_agents_dest_kind: str | None = None
    no_agents_dest_id: str | None = None
    queue_full_dest_kind: str | None = None
    queue_full_dest_id: str | None = None
    abandon_dest_kind: str | None = None
    abandon_dest_id: str | None = None
    ewt_dest_kind: str | None = None
    ewt_dest_id: str | None = None
    ewt_threshold_sec: int | None = None
    ewt_aht_sec: int = 180
    moh_media_id: str | None = None
    sl_threshold_sec: int = 20
    """Answered within it counts for the service level."""
    sl_target_pct: int = 80
    alarm_wait_sec: int = 120
    """A wait beyond it is an alarm on the wallboard."""
    alarm_sl_pct: int = 60
    """A service level below it is one, too."""
    recording: int = 0
    confirm_accept: int = 0
    whisper_media_id: str | None = None


class AgentQueueAssignment(Resource):
    """An agent's place in a queue."""

    queue_id: str
    user_id: str
    tier_level: int = 1
    """Lower ones ring first."""
    position: int = 0
    mode: str = "static"


class InQueueOption(Resource):
    """What a waiting caller gets for a digit (spec 05, While waiting)."""

    queue_id: str
    digit: str
    action: str
    dest_kind: str | None = None
    dest_id: str | None = None
    webhook_url: str | None = None
    webhook_secret_ref: str | None = None
    """Where the secret that signs the request lies in the encrypted store."""
    stay_in_queue: int = 0
    prompt_media_id: str | None = None
    label: str = ""


class Forward(Resource):
    """Somebody outside whom calls are sent to."""

    name: str
    to: str
    """E.164 without plus, or a SIP URI."""
    cid_policy: str = "keep"
    """Whose number is shown: the caller's, the account's, or `cid_number`."""
    cid_number: str | None = None
    ring_timeout_sec: int = 25


class FlowNode(Value):
    id: str
    type: str
    position: dict[str, float] | None = None
    data: dict[str, Any]


class FlowEdge(Value):
    id: str
    source: str
    target: str
    sourceHandle: str | None = None


class CallFlow(Resource):
    """What a caller hears and may choose: a graph, of which calls get a published version."""

    name: str
    version: int = 1
    start: str
    """Id of the node where a call begins."""
    nodes: tuple[FlowNode, ...]
    edges: tuple[FlowEdge, ...]
    is_published: int = 0
    """Whether this body is what calls get: the graph is frozen under its `version`."""
    live_version: int | None = None
    """The version that calls get. While a draft is worked on it is an earlier one; null: none."""

    @property
    def live(self) -> int | None:
        """`live_version`, also of rows that were written before it was."""
        return self.version if self.is_published else self.live_version


class Voicemail(Resource):
    """A mailbox in which callers leave messages."""

    name: str = ""
    greeting_media_id: str | None = None
    skip_instructions: int = 0
    quota_mb: int = 200
    """Megabytes that its messages may take."""
    notify_email: str | None = None
    pin_secret_ref: str | None = None
    """Where the PIN lies in the encrypted store."""


class MediaFile(Resource):
    """Audio of the account. What `object_key` and the members below it say is set by the upload."""

    name: str
    kind: str = "prompt"
    object_key: str | None = None
    """Null: nothing was uploaded yet."""
    format: str | None = None
    duration_ms: int | None = None
    """Null: not known; it is read from WAV files only."""
    size_bytes: int | None = None
    sha256: str | None = None


class MediaPlaylist(Resource):
    """Media files, one after another."""

    name: str
    media_ids: tuple[str, ...] = ()
    """In the order in which they are played."""


class ContactList(Resource):
    """Whom a campaign calls."""

    name: str


class CidPool(Resource):
    """Numbers that a campaign shows, the one nearest to the called number first (spec 09)."""

    name: str
    numbers: tuple[str, ...] = ()


class Campaign(Resource):
    """How a list of contacts is to be called (spec 09)."""

    name: str
    dial_mode: str = "progressive"
    list_id: str | None = None
    queue_id: str | None = None
    flow_id: str | None = None
    schedule_id: str | None = None
    """Of the called number's time zone, not of the account's."""
    cid_number: str | None = None
    cid_pool_id: str | None = None
    max_lines: int = 10
    power_ratio: float = 1.8
    abandon_cap_pct: int = 3
    dnc_check: int = 1
    max_attempts: int = 3
    retry_after_sec: int = 3600
    amd: int = 0
    amd_action: str = "hangup"
    status: str = "draft"


class CallLimit(Resource):
    """At most `max_count` starts of matching calls in the last `period_sec` seconds (spec 06)."""

    name: str = ""
    scope_kind: str
    scope_id: str | None = None
    """The user, DID or number (E.164) that is counted. None: each one for itself; for the scope
    `account` the account as a whole."""
    direction: str = "any"
    period_sec: int
    max_count: int
    hard: int = 1
    """1: what is beyond is refused. 0: it is admitted, and said."""


class Rate(Value):
    """What calls to (``out``) or through (``in``) numbers with this prefix cost."""

    prefix: str = ""
    """The first digits of an E.164 number; empty: every number that no other rate is for."""
    direction: str = "out"
    micros_per_min: int
    first_sec: int = 60
    """Seconds that are paid for at least."""
    next_sec: int = 60
    """Seconds in which is counted from there on."""
    setup_micros: int = 0
    """For each answered call, however long."""
    label: str = ""


class RatePlan(Resource):
    """What calls cost, in millionths of the currency."""

    name: str
    currency: str
    rates: tuple[Rate, ...] = ()


class Webhook(Resource):
    """A server of the customer's that is told what happens."""

    url: str
    events: tuple[str, ...] = ("*",)
    """Those that are sent; `*`: all."""
    secret_ref: str
    previous_secret_ref: str | None = None
    """The secret before the last rotation; it signs too until `previous_secret_until`."""
    previous_secret_until: int | None = None
    """Epoch seconds."""
    status: str = "active"
    disabled_reason: str | None = None
    """Why the system has disabled it; null when somebody else has."""
    description: str | None = None


class ApiKey(Resource):
    """A secret with which a program may use the API, or a node the platform."""

    name: str
    kind: str
    """``sk``: the public API. ``sips``: diagnosis. ``node``: an edge node's token."""
    prefix: str
    """The first characters of the key, to find and to recognise it."""
    sha256: str
    scopes: tuple[str, ...]
    plan: str | None = None
    """Of a ``sips`` key: how much it may ask for in a day."""
    expires_at: int | None = None
    status: str = "active"


class ConsoleUser(Resource):
    """A person who logs in with e-mail and password."""

    email: str
    """In lower case."""
    name: str = ""
    role: str
    status: str = "active"
    password_ref: str
    """Where the password's hash lies in the encrypted store."""
    totp: int = 0
    """1: a code is asked for as well (RFC 6238)."""
    totp_ref: str | None = None
    """Where the secret of the codes lies."""
    session_epoch: int = 0
    """Sessions of another epoch are over."""


KINDS: dict[str, type[Resource]] = {
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
    "rate_plan": RatePlan,
    "media_file": MediaFile,
    "media_playlist": MediaPlaylist,
    "contact_list": ContactList,
    "cid_pool": CidPool,
    "campaign": Campaign,
    "console_user": ConsoleUser,
}

R = TypeVar("R", bound=Resource)


class ResourceFact(Fact):
    id: str
    by: str
    """Who asked: the id of an API key, ``cli`` or ``system``."""

    @property
    def stream(self) -> StreamName:
        return StreamName(self.id)


class Created(ResourceFact, Generic[R]):
    body: R


class Changed(ResourceFact, Generic[R]):
    body: R
    """The whole row as it is now."""
    changed: tuple[str, ...]
    """The names of the members that differ from before."""


class Deleted(ResourceFact, Generic[R]):
    """The row is gone; its id is never used again."""


CREATED: dict[str, type[Created[Any]]] = {kind: Created[body] for kind, body in KINDS.items()}  # type: ignore[valid-type]
CHANGED: dict[str, type[Changed[Any]]] = {kind: Changed[body] for kind, body in KINDS.items()}  # type: ignore[valid-type]
DELETED: dict[str, type[Deleted[Any]]] = {kind: Deleted[body] for kind, body in KINDS.items()}  # type: ignore[valid-type]
"""Kind of row → the class of its facts."""


class ClaimFact(Fact):
    space: str
    key: str
    owner_id: str

    @property
    def stream(self) -> StreamName:
        return StreamName(f"claim-{self.space}-{self.key}")


class NameClaimed(ClaimFact):
    """`key` belongs to `owner_id` until it is released, platform-wide."""


class NameReleased(ClaimFact):
    """`key` is free again."""
