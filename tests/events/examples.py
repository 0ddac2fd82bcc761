"""One fact of each kind, with every part that it can have; `stored_facts.jsonl` is how they lie in
the store."""

from typing import Any

from events.acd import (
    AgentCallBegan,
    AgentCallOver,
    AgentDeferred,
    AgentJoinedQueue,
    AgentLeftQueue,
    AgentLoggedIn,
    AgentLoggedOut,
    AgentMadeAvailable,
    AgentPaused,
    AgentReserved,
    AgentWrappedUp,
    CallerLeft,
    CallerQueued,
    CallerTold,
    ConversationEnded,
    DeferredEvent,
    Departure,
    LeaseConfirmed,
    LeaseEnd,
    LeaseReleased,
)
from events.bans import (
    AccessRefused,
    AuthFailed,
    BanExpired,
    BanImposed,
    BanLifted,
    BanObserved,
    RangeAllowed,
    RangeDisallowed,
)
from events.base import PLATFORM, AccountId, CallId, Fact, Millis
from events.call import (
    CallAnswered,
    CallDialogStarted,
    CallEnded,
    CallObserved,
    CallRevised,
    CallRinging,
    CallRouted,
    Carrier,
    Charge,
    DialogEvent,
    Direction,
    Directive,
    Disposition,
    FlowStepped,
    Fork,
    Outcome,
    ProxyToUser,
    Reject,
    RunFlow,
    SendOut,
    Step,
    TransferRefused,
)
from events.capacity import (
    ChannelsReleased,
    ChannelsTaken,
    Count,
    Dimension,
    Hold,
    LegsHeld,
    LimitExceeded,
    ReleaseReason,
    TollFraudSuspected,
)
from events.carrier import (
    MessageReported,
    MessageStatus,
    NumberAssigned,
    NumberPorted,
    Port,
)
from events.dnc import (
    Entry,
    ImportAdvanced,
    ImportFinished,
    ImportStarted,
    NumbersListed,
    NumbersUnlisted,
    RejectedLine,
)
from events.flow import (
    Dial,
    FlowCommand,
    Frame,
    Gather,
    Hangup,
    JoinConference,
    Leg,
    Play,
    Record,
    Request,
    Speech,
    Visited,
)
from events.presence import (
    ContactQualified,
    ContactRefreshed,
    ContactRegistered,
    ContactRemoved,
    RemovalReason,
)
from events.resources import (
    CHANGED,
    CREATED,
    DELETED,
    Account,
    AgentQueueAssignment,
    ApiKey,
    CallFlow,
    CallLimit,
    Campaign,
    CidPool,
    Conference,
    ConsoleUser,
    ContactList,
    Did,
    Extension,
    FlowEdge,
    FlowNode,
    Forward,
    InQueueOption,
    MediaFile,
    MediaPlaylist,
    NameClaimed,
    NameReleased,
    OutboundRoute,
    Queue,
    Rate,
    RatePlan,
    Resource,
    RingGroup,
    RingGroupMember,
    ScheduleRule,
    SipDevice,
    SipDomain,
    SipTrunk,
    SipUser,
    TimeSchedule,
    Voicemail,
    Webhook,
)
from events.sessions import SessionEnded, SessionOpened
from events.voicemail import (
    MessageDeleted,
    MessageLeft,
    MessageRead,
    MessageReplaced,
    MessageUnread,
)
from events.webhooks import WebhookDisabled, WebhookTested

_ACCOUNT = AccountId("acc_1")
_CALL = CallId("call-1@edge")
_NOW = Millis(1_795_000_000_000)
_ABOUT_CALL: dict[str, Any] = {"account_id": _ACCOUNT, "at": _NOW, "call_id": _CALL}
_ABOUT_CONTACT: dict[str, Any] = {
    "account_id": _ACCOUNT,
    "at": _NOW,
    "user_id": "us_1",
    "device_id": "dev_1",
    "contact": "sip:1001@192.0.2.1:5060",
    "ts": Millis(1_794_999_999_000),
}
_ABOUT_BAN: dict[str, Any] = {"account_id": PLATFORM, "at": _NOW, "ip": "203.0.113.9"}
_ABOUT_REPORT: dict[str, Any] = {
    "account_id": _ACCOUNT,
    "at": _NOW,
    "carrier": "acme",
    "event_id": "evt-1",
}
_ABOUT_SESSION: dict[str, Any] = {
    "account_id": _ACCOUNT,
    "at": _NOW,
    "session_id": "ses_1",
    "user_id": "cu_1",
}
_ABOUT_LIST: dict[str, Any] = {"account_id": _ACCOUNT, "at": _NOW}
_ENTRY = Entry("14155551234", "asked for it", "crm", 1_800_000_000)
_ABOUT_AGENT: dict[str, Any] = {"account_id": _ACCOUNT, "at": _NOW, "agent_id": "us_1"}
_ABOUT_LEASE: dict[str, Any] = {
    **_ABOUT_AGENT,
    "lease_id": "lease_7",
    "epoch": 7,
    "call_id": _CALL,
    "queue_id": "q_1",
}
_ABOUT_NAME: dict[str, Any] = {
    "account_id": _ACCOUNT,
    "at": _NOW,
    "space": "e164",
    "key": "12025550123",
    "owner_id": "did_1",
}

_DIRECTIVES: tuple[Directive, ...] = (
    RunFlow(flow_id="flow_1", flow_version=3, vars={"caller_cid": "14155551234"}),
    ProxyToUser(
        user_id="us_1",
        aors=(Fork(aor="sip:1001@acme.example", device_id="dev_1", delay_sec=5, timeout_sec=25),),
        parallel=True,
        caller_id="14155551234",
        ring_timeout_sec=25,
        on_fail_kind="voicemail",
        on_fail_id="vm_1",
    ),
    SendOut(
        trunk_id="tr_1",
        gateways=(
            Carrier(
                uri="sip:4930123456@carrier.example",
                trunk_id="tr_1",
                transport="tls",
                realm="carrier.example",
                auth_username="acme",
                auth_secret_ref="secret_1",
                from_user="acme",
                from_domain="acme.example",
            ),
        ),
        number="4930123456",
        caller_id="12025550123",
        max_duration_sec=14_400,
    ),
    Reject(code=503, reason="Channel Limit Reached", retry_after=5),
)

_SPEECH = Speech(text="Hello", voice="male", language="en-US")
_COMMANDS: tuple[FlowCommand, ...] = (
    Play(urls=("tts/0.wav",), tts=_SPEECH, barge_in=1),
    Gather(
        urls=("tts/0.wav",),
        tts=_SPEECH,
        min_digits=1,
        max_digits=4,
        terminators="#",
        timeout_ms=5_000,
        inter_digit_timeout_ms=3_000,
    ),
    Dial(
        legs=(
            Leg(aor="sip:1001@acme.example", delay_ms=1_000, timeout_ms=25_000),
            Leg(
                uri="sip:4930123456@carrier.example",
                timeout_ms=25_000,
                headers={"X-Note": "1"},
                transport="tls",
                trunk_id="tr_1",
                auth_username="acme",
                auth_secret_ref="secret_1",
            ),
        ),
        strategy="parallel",
        caller_id="14155551234",
        timeout_ms=26_000,
        record=1,
        ring_group_id="rg_1",
    ),
    Record(
        key="acc_1/vm/call-1.wav", max_ms=180_000, silence_ms=5_000, beep=1, voicemail_id="vm_1"
    ),
    JoinConference(room="conf_1", pin="4711", flags=("record",), max_members=9),
    JoinConference(room="transfer:call-1@edge", flags=("caller", "target"), poll_ms=100),
    Dial(
        legs=(Leg(aor="sip:1001@acme.example", timeout_ms=25_000),),
        strategy="parallel",
        caller_id="14155551234",
        timeout_ms=25_000,
        mode="consult",
        moh_stream="moh-acc_1",
        poll_ms=100,
    ),
    Hangup(cause="user_busy", sip_code=486),
    Request(
        url="https://crm.example/",
        method="POST",
        headers={"X-Key": "1"},
        body="{}",
        timeout_ms=2_000,
        secret_ref="sec_1",
        is_masked=1,
    ),
)

_ABOUT_MESSAGE: dict[str, Any] = {
    "account_id": _ACCOUNT,
    "at": _NOW,
    "voicemail_id": "vm_1",
    "message_id": "vmm_1",
}
_COUNTED: dict[str, Any] = {**_ABOUT_MESSAGE, "new": 2, "old": 1, "user_ids": ("us_1",)}
_OUTCOME = Outcome(
    direction=Direction.INBOUND,
    from_number="14155551234",
    to_number="12025550123",
    start_ts=_NOW,
    ring_ts=Millis(_NOW + 1_000),
    answer_ts=Millis(_NOW + 2_000),
    end_ts=Millis(_NOW + 9_999),
    duration_sec=9,
    billsec=7,
    disposition=Disposition.ANSWERED,
    hangup_cause="normal_clearing",
    sip_code=200,
    hangup_by="caller",
    queue_id="q_1",
    agent_id="us_1",
    cost_micros=13_000,
    currency="USD",
    rate_id="rate_1:in:1800",
    charges=(
        Charge(rate_id="rate_1:in:1800", number="12025550123", billed_sec=60, cost_micros=13_000),
    ),
)

_ROWS: dict[str, Resource] = {
    "account": Account(name="Acme", did_default_dest_xform={"lang": "de"}),
    "sip_domain": SipDomain(domain="acme.example"),
    "sip_user": SipUser(username="1001"),
    "sip_device": SipDevice(user_id="us_1", auth_username="1001", realm="acme.example"),
    "did": Did(e164="12025550123", dest_xform={"lang": "de"}),
    "extension": Extension(digits="200", dest_xform={"lang": "de"}),
    "sip_trunk": SipTrunk(name="Carrier", inbound_ips=("192.0.2.0/24",)),
    "outbound_route": OutboundRoute(
        trunk_ids=("tr_1", "tr_2"), weights={"tr_1": 3}, schedule_id="sch_1"
    ),
    "time_schedule": TimeSchedule(name="Hours", rules=(ScheduleRule(kind="weekly", dow=1),)),
    "queue": Queue(name="Support"),
    "forward": Forward(name="Night desk", to="sip:desk@night.example"),
    "in_queue_option": InQueueOption(
        queue_id="q_1", digit="#", action="webhook", webhook_url="https://hooks.example/in"
    ),
    "agent_queue_assignment": AgentQueueAssignment(queue_id="q_1", user_id="us_1"),
    "call_flow": CallFlow(
        name="Main",
        start="entry",
        nodes=(
            FlowNode(id="entry", type="entry", position={"x": 0.5}, data={"kind": "entry"}),
            FlowNode(id="bye", type="hangup", data={"kind": "hangup", "cause": {"code": 16}}),
        ),
        edges=(FlowEdge(id="e1", source="entry", target="bye", sourceHandle="default"),),
    ),
    "voicemail": Voicemail(),
    "ring_group": RingGroup(
        name="Sales", members=(RingGroupMember(user_id="us_1"), RingGroupMember(device_id="dev_1"))
    ),
    "conference": Conference(name="Weekly", pin="4711"),
    "webhook": Webhook(
        url="https://hooks.example/in",
        secret_ref="secret_2",
        previous_secret_ref="secret_1",
        previous_secret_until=1_795_086_400,
        status="disabled",
        disabled_reason="HTTP 410",
    ),
    "media_file": MediaFile(
        name="Welcome",
        object_key="acc_1/media_1.wav",
        format="wav",
        duration_ms=1_500,
        size_bytes=24_044,
        sha256="0" * 64,
    ),
    "media_playlist": MediaPlaylist(name="Music", media_ids=("media_1", "media_2")),
    "contact_list": ContactList(name="Spring"),
    "cid_pool": CidPool(name="New York", numbers=("12125550123",)),
    "campaign": Campaign(
        name="Spring",
        dial_mode="power",
        list_id="list_1",
        queue_id="q_1",
        schedule_id="sch_1",
        cid_pool_id="cidpool_1",
        power_ratio=2.5,
    ),
    "call_limit": CallLimit(scope_kind="user", scope_id="us_1", period_sec=60, max_count=3),
    "rate_plan": RatePlan(
        name="Retail",
        currency="USD",
        rates=(
            Rate(prefix="44", micros_per_min=12_000, first_sec=30, next_sec=6, label="UK"),
            Rate(prefix="1800", direction="in", micros_per_min=9_000, setup_micros=1_000),
        ),
    ),
    "api_key": ApiKey(
        name="CRM", kind="sips", prefix="sips_abcd", sha256="0" * 64, scopes=("cdr",), plan="pro"
    ),
    "console_user": ConsoleUser(
        email="ada@acme.example",
        name="Ada",
        role="supervisor",
        password_ref="sec_1",
        totp=1,
        totp_ref="sec_2",
    ),
}

EXAMPLES: list[Fact] = [
    SessionOpened(
        **_ABOUT_SESSION, epoch=1, expires_at=Millis(1_795_043_200_000), src_ip="203.0.113.9"
    ),
    SessionEnded(**_ABOUT_SESSION, by="cu_1"),
    NumberAssigned(**_ABOUT_REPORT, e164="12025550123", did_id="did_1"),
    NumberPorted(**_ABOUT_REPORT, e164="12025550123", port=Port.OUT, did_id="did_1"),
    MessageReported(
        **_ABOUT_REPORT,
        message_id="msg-1",
        status=MessageStatus.FAILED,
        number="12025550123",
        reason="unreachable",
    ),
    *(
        CallRouted(
            **_ABOUT_CALL,
            hop=1,
            request="0123456789abcdef",
            direction=Direction.INBOUND,
            from_number="14155551234",
            to_number="12025550123",
            src_ip="192.0.2.10",
            node_id="edge-1",
            did_id="did_1",
            trunk_id="tr_1",
            caller_user_id="us_1",
            directive=directive,
            path=(Step("classify", "inbound", "did_1"), Step("target", "no_default")),
        )
        for directive in _DIRECTIVES
    ),
    CallDialogStarted(**_ABOUT_CALL, ts=_NOW),
    CallRinging(**_ABOUT_CALL, ts=_NOW, sip_code=183),
    CallAnswered(**_ABOUT_CALL, ts=_NOW),
    CallEnded(**_ABOUT_CALL, outcome=_OUTCOME),
    CallRevised(**_ABOUT_CALL, late=DialogEvent.ANSWERED, ts=_NOW, outcome=_OUTCOME),
    CallObserved(
        **_ABOUT_CALL,
        event=DialogEvent.END,
        ts=_NOW,
        sip_code=487,
        cause="cancelled",
        hangup_by="caller",
    ),
    *(
        FlowStepped(
            **_ABOUT_CALL,
            hop=1,
            flow_id="flow_1",
            flow_version=3,
            seq=7,
            reported="digit:1",
            data={"duration": "1200"},
            path=(Visited("menu", "menu", "digit:1"), Visited("next", command.command, "", "note")),
            variables={"choice": "1"},
            command=command,
            frames=(
                Frame(flow_id="flow_1", flow_version=3, node_id="sub"),
                Frame(
                    flow_id="flow_2",
                    flow_version=1,
                    node_id="next",
                    stage=1,
                    failures=2,
                    timeouts=1,
                    leases=("lease_7",),
                    users=("us_1",),
                    trunks=("tr_1", ""),
                    number="4930123456",
                    held=(Frame(flow_id="queue:q_1", flow_version=0, node_id="1"),),
                ),
            ),
        )
        for command in _COMMANDS
    ),
    TransferRefused(
        **_ABOUT_CALL,
        from_user_id="us_1",
        target_kind="number",
        target_id="12025550188",
        reason="may not",
    ),
    LegsHeld(
        **_ABOUT_CALL,
        holds=(Hold(Dimension.ACCOUNT_OUT, "acc_1"), Hold(Dimension.TRUNK, "tr_1")),
        counts=(Count("lim_1", "us_1", 60),),
        is_costly=True,
    ),
    ChannelsTaken(
        **_ABOUT_CALL,
        direction=Direction.OUTBOUND,
        from_number="1001",
        to_number="4930123456",
        holds=tuple(Hold(dimension, f"{dimension}_1") for dimension in Dimension),
        counts=(Count("lim_1", "us_1", 60),),
        node_id="edge-1",
        is_costly=True,
    ),
    TollFraudSuspected(**_ABOUT_CALL, number="4930123456", count=20, usual=20, action="block"),
    TollFraudSuspected(
        **_ABOUT_CALL,
        number="4930123456",
        count=3,
        usual=20,
        spent_micros=90_000_000,
        usual_micros=8_000_000,
        action="alert",
    ),
    LimitExceeded(
        **_ABOUT_CALL,
        limit_id="lim_1",
        scope_kind="user",
        scope_id="us_1",
        used=3,
        max_count=3,
        period_sec=60,
    ),
    ChannelsReleased(**_ABOUT_CALL, reason=ReleaseReason.IDLE, costly_micros=13_000),
    ContactRegistered(
        **_ABOUT_CONTACT,
        expires_at=Millis(_NOW + 3_600_000),
        received="sip:198.51.100.7:61000",
        user_agent="Phone/1.0",
        node_id="edge-1",
    ),
    ContactRefreshed(**_ABOUT_CONTACT, expires_at=Millis(_NOW + 7_200_000)),
    ContactRemoved(**_ABOUT_CONTACT, reason=RemovalReason.EXPIRED),
    ContactQualified(**_ABOUT_CONTACT, reachable=False),
    AgentLoggedIn(**_ABOUT_AGENT, ready=1),
    AgentLoggedOut(**_ABOUT_AGENT),
    AgentMadeAvailable(**_ABOUT_AGENT),
    AgentPaused(**_ABOUT_AGENT, reason="lunch"),
    AgentDeferred(**_ABOUT_AGENT, event=DeferredEvent.PAUSE, reason="lunch"),
    AgentJoinedQueue(**_ABOUT_AGENT, queue_id="q_1", level=2),
    AgentLeftQueue(**_ABOUT_AGENT, queue_id="q_1"),
    AgentCallBegan(**_ABOUT_AGENT, call_id=_CALL),
    AgentCallOver(**_ABOUT_AGENT, call_id=_CALL),
    AgentWrappedUp(**_ABOUT_AGENT),
    CallerQueued(**_ABOUT_CALL, queue_id="q_1", priority=5, give_up_at=Millis(_NOW + 600_000)),
    CallerTold(**_ABOUT_CALL, queue_id="q_1", position=2),
    CallerLeft(**_ABOUT_CALL, queue_id="q_1", queued_at=_NOW, departure=Departure.TIMEOUT),
    AgentReserved(
        **_ABOUT_LEASE, expires_at=Millis(_NOW + 20_000), next_ring_at=Millis(_NOW + 5_000)
    ),
    LeaseConfirmed(**_ABOUT_LEASE, queued_at=_NOW),
    LeaseReleased(**_ABOUT_LEASE, reason=LeaseEnd.NO_ANSWER),
    ConversationEnded(
        **_ABOUT_LEASE, queued_at=_NOW, talk_ms=60_000, wrap_up_until=Millis(_NOW + 70_000)
    ),
    AuthFailed(
        account_id=PLATFORM,
        at=_NOW,
        ip="203.0.113.9",
        username="1001",
        realm="acme.example",
        reason="bad_response",
    ),
    AccessRefused(account_id=PLATFORM, at=_NOW, ip="203.0.113.9", path="/route", status=403),
    BanObserved(
        **_ABOUT_BAN,
        node_id="edge-1",
        ts=_NOW,
        reason="too many failures",
        jail="sip",
        hits=12,
        first_seen=Millis(_NOW - 1_000),
        expires_at=Millis(_NOW + 600_000),
        user_agent="friendly-scanner",
        country="FR",
    ),
    BanExpired(**_ABOUT_BAN, node_id="edge-1", ts=_NOW),
    BanImposed(
        **_ABOUT_BAN,
        rule="auth_ip",
        hits=20,
        expires_at=Millis(_NOW + 3_600_000),
        detail="1001@acme.example",
    ),
    BanLifted(**_ABOUT_BAN, by="key_1"),
    RangeAllowed(**_ABOUT_BAN, by="key_1", note="office", expires_at=Millis(_NOW + 60_000)),
    RangeDisallowed(**_ABOUT_BAN, by="key_1"),
    NumbersListed(**_ABOUT_LIST, entries=(_ENTRY, Entry("4930123456")), by="key_1"),
    NumbersUnlisted(**_ABOUT_LIST, numbers=("14155551234",), by="key_1"),
    ImportStarted(**_ABOUT_LIST, import_id="imp_1", by="key_1", lines=3),
    ImportAdvanced(
        **_ABOUT_LIST,
        import_id="imp_1",
        by="key_1",
        lines=3,
        entries=(_ENTRY,),
        rejected=(RejectedLine(3, "nobody", "not a telephone number"),),
    ),
    ImportFinished(**_ABOUT_LIST, import_id="imp_1"),
    MessageLeft(
        **_COUNTED,
        call_id=_CALL,
        caller="14155551234",
        media_key="acc_1/vm/call-1.wav",
        duration_ms=4_000,
        size_bytes=64_044,
        received_at=_NOW,
        notify_email="sales@acme.example",
    ),
    MessageReplaced(**_ABOUT_MESSAGE, duration_ms=None, size_bytes=9),
    MessageRead(**_COUNTED),
    MessageUnread(**_COUNTED),
    MessageDeleted(**_COUNTED),
    WebhookTested(account_id=_ACCOUNT, at=_NOW, webhook_id="wh_1"),
    WebhookDisabled(account_id=_ACCOUNT, at=_NOW, webhook_id="wh_1", reason="HTTP 410"),
    NameClaimed(**_ABOUT_NAME),
    NameReleased(**_ABOUT_NAME),
]

for _kind, _body in _ROWS.items():
    _about: dict[str, Any] = {"account_id": _ACCOUNT, "at": _NOW, "id": f"{_kind}_1", "by": "key_1"}
    EXAMPLES += [
        CREATED[_kind](**_about, body=_body),
        CHANGED[_kind](**_about, body=_body, changed=("name",)),
        DELETED[_kind](**_about),
    ]
