"""What a row must look like: what is put right, what is refused, and where the fault is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import rules
from domain.errors import Invalid
from domain.rules import RULES
from events.resources import KINDS
from tests.support.given import property_of

MAKE: dict[str, dict[str, Any]] = {
    "account": {"name": "Acme"},
    "sip_domain": {"domain": "acme.example"},
    "sip_user": {"username": "1001"},
    "sip_device": {"user_id": "us_1", "auth_username": "1001", "realm": "acme.example"},
    "did": {"e164": "+12025550123"},
    "extension": {"digits": "200"},
    "sip_trunk": {"name": "Carrier"},
    "outbound_route": {},
    "time_schedule": {"name": "Hours", "rules": [{"kind": "weekly", "dow": 1}]},
    "queue": {"name": "Support"},
    "agent_queue_assignment": {"queue_id": "q_1", "user_id": "us_1"},
    "in_queue_option": {"queue_id": "q_1", "digit": "1", "action": "callback"},
    "forward": {"name": "Mobile", "to": "+12025550123"},
    "call_flow": {
        "name": "Main",
        "start": "a",
        "nodes": [{"id": "a", "type": "hangup", "data": {"kind": "hangup"}}],
        "edges": [],
    },
    "voicemail": {},
    "media_file": {"name": "Welcome"},
    "media_playlist": {"name": "Music", "media_ids": ["media_1"]},
    "console_user": {"email": "ada@acme.example", "role": "agent", "password_ref": "sec_1"},
    "contact_list": {"name": "Spring"},
    "cid_pool": {"name": "New York", "numbers": ["12125550123"]},
    "campaign": {"name": "Spring"},
    "call_limit": {"scope_kind": "account", "period_sec": 60, "max_count": 3},
    "rate_plan": {"name": "Retail", "currency": "USD", "rates": [{"micros_per_min": 10_000}]},
    "ring_group": {"name": "Sales", "members": [{"user_id": "us_1"}]},
    "conference": {"name": "Weekly"},
    "webhook": {"url": "https://hooks.example/in", "secret_ref": "secret_1"},
    "api_key": {"name": "CRM", "kind": "sk", "prefix": "sk_1", "sha256": "0", "scopes": ["*"]},
}
"""Kind of row → members that are enough to make one."""


def _checked(row: str, /, **members: Any) -> Any:
    return rules.check(row, {**MAKE[row], **members}, "US")


def _faults(row: str, /, **members: Any) -> list[str]:
    with pytest.raises(Invalid) as refused:
        _checked(row, **members)
    assert all(fault.detail for fault in refused.value.faults)
    return [fault.pointer for fault in refused.value.faults]


def test_every_kind_of_row_has_rules() -> None:
    assert set(RULES) == set(KINDS) == set(MAKE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_comes_out_in_its_stored_type(kind: str) -> None:
    assert type(_checked(kind)) is KINDS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_stored_and_nothing_else_may_be_asked_for(kind: str) -> None:
    assert set(RULES[kind].model_fields) == set(KINDS[kind].model_fields)
    assert _faults(kind, colour="red") == ["/colour"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_without_its_required_members_is_refused_with_each_of_them(kind: str) -> None:
    required = [name for name, field in KINDS[kind].model_fields.items() if field.is_required()]
    if not required:
        assert type(rules.check(kind, {}, "US")) is KINDS[kind]
        return
    with pytest.raises(Invalid) as refused:
        rules.check(kind, {}, "US")
    assert {fault.pointer for fault in refused.value.faults} == {f"/{name}" for name in required}


@pytest.mark.parametrize("kind", KINDS)
def test_rules_change_no_default(kind: str) -> None:
    stored, ruled = KINDS[kind].model_fields, RULES[kind].model_fields
    for name, field in stored.items():
        assert ruled[name].is_required() == field.is_required()
        assert ruled[name].default == field.default


# What is put right


@pytest.mark.parametrize("flag", [True, 1])
def test_a_flag_is_one_or_zero_however_it_was_written(flag: Any) -> None:
    assert _checked("sip_user", dnd=flag).dnd == 1
    assert type(_checked("sip_user", dnd=flag).dnd) is int


def test_numbers_are_stored_as_e164_without_plus() -> None:
    assert _checked("did", e164="(202) 555-0123").e164 == "12025550123"
    assert _checked("sip_user", out_cid_number="011 49 30 123456").out_cid_number == "4930123456"


def test_networks_are_stored_in_canonical_form() -> None:
    trunk = _checked("sip_trunk", inbound_ips=["192.0.2.77/24", "198.51.100.7", "2001:DB8:0::/32"])
    assert trunk.inbound_ips == ("192.0.2.0/24", "198.51.100.7/32", "2001:db8::/32")


def test_spaces_around_text_are_dropped() -> None:
    assert _checked("queue", name=" Support ").name == "Support"


# What is refused


@pytest.mark.parametrize(
    ("kind", "member", "wrong"),
    [
        ("account", "name", ""),
        ("account", "name", " "),
        ("account", "status", "asleep"),
        ("account", "timezone", "Mars/Olympus"),
        ("account", "country", "us"),
        ("account", "currency", "Euro"),
        ("account", "max_in", -1),
        ("account", "max_out", 1.5),
        ("account", "voice_gender", "robot"),
        ("account", "default_cid_number", "911"),
        ("account", "did_default_dest_kind", "nowhere"),
        ("sip_domain", "domain", "a b"),
        ("sip_domain", "domain", "-acme.example"),
        ("sip_domain", "is_primary", 2),
        ("sip_user", "username", "a@b"),
        ("sip_user", "username", "a b"),
        ("sip_user", "username", "a\r\nb"),
        ("sip_user", "username", ""),
        ("sip_user", "ring_strategy", "loud"),
        ("sip_user", "ring_timeout_sec", 0),
        ("sip_user", "max_simultaneous", "many"),
        ("sip_user", "fwd_busy_kind", "mars"),
        ("sip_user", "dnd", -1),
        ("sip_device", "auth_username", "a:b"),
        ("sip_device", "realm", "acme example"),
        ("sip_device", "transport", "sctp"),
        ("did", "e164", "hello"),
        ("did", "e164", "911"),
        ("did", "status", "gone"),
        ("did", "fax_mode", "paper"),
        ("extension", "digits", "12a"),
        ("extension", "digits", ""),
        ("sip_trunk", "role", "friend"),
        ("sip_trunk", "direction", "up"),
        ("sip_trunk", "proxy", "carrier.example;transport=tls"),
        ("sip_trunk", "proxy", "a.example\r\nX: 1"),
        ("sip_trunk", "transport", "wss"),
        ("sip_trunk", "expire_sec", 1),
        ("sip_trunk", "inbound_auth", "smile"),
        ("outbound_route", "match_prefix", "+49"),
        ("outbound_route", "match_regex", "(["),
        ("outbound_route", "strip_digits", 16),
        ("outbound_route", "prepend", "00;"),
        ("outbound_route", "cost_micros_per_min", -1),
        ("time_schedule", "timezone", "nowhere"),
        ("queue", "strategy", "by_mood"),
        ("queue", "agent_ring_timeout_sec", 0),
        ("queue", "max_wait_sec", 90_000),
        ("queue", "moh_mode", "live"),
        ("agent_queue_assignment", "mode", "forced"),
        ("in_queue_option", "digit", "12"),
        ("in_queue_option", "digit", "a"),
        ("in_queue_option", "digit", ""),
        ("in_queue_option", "action", "sing"),
        ("in_queue_option", "dest_kind", "nowhere"),
        ("in_queue_option", "webhook_url", "ftp://hooks.example"),
        ("in_queue_option", "stay_in_queue", 2),
        ("forward", "to", "911"),
        ("forward", "to", "hello"),
        ("forward", "to", "sip:a@b\r\nX: 1"),
        ("forward", "to", "sip:{{x}}@b.example"),
        ("forward", "cid_policy", "hide"),
        ("forward", "ring_timeout_sec", 0),
        ("call_flow", "version", 0),
        ("call_flow", "start", ""),
        ("rate_plan", "currency", "usd"),
        ("rate_plan", "currency", "US$"),
        ("voicemail", "quota_mb", -1),
        ("webhook", "url", "ftp://hooks.example"),
        ("webhook", "url", "https://user:secret@hooks.example/"),
        ("webhook", "url", "https://"),
        ("webhook", "events", []),
        ("webhook", "status", "tired"),
        ("api_key", "kind", "root"),
        ("api_key", "status", "paused"),
        ("api_key", "expires_at", -1),
        ("sip_user", "username", None),
    ],
)
def test_a_value_against_the_rules_is_refused_at_its_place(
    kind: str, member: str, wrong: Any
) -> None:
    assert _faults(kind, **{member: wrong}) == [f"/{member}"]


@pytest.mark.parametrize(
    ("kind", "members", "pointers"),
    [
        ("webhook", {"events": ["call.ended", "call.lost"]}, ["/events/1"]),
        (
            "sip_trunk",
            {"inbound_ips": ["192.0.2.0/24", "300.0.0.1", "::g"]},
            ["/inbound_ips/1", "/inbound_ips/2"],
        ),
        (
            "time_schedule",
            {
                "rules": [
                    {"kind": "weekly", "dow": 7, "start_time": "9:00", "end_time": "24:00"},
                    {"kind": "sometimes"},
                    {"kind": "date", "start_date": "2026-13-01", "what": 1},
                ]
            },
            [
                "/rules/0/dow",
                "/rules/0/start_time",
                "/rules/0/end_time",
                "/rules/1/kind",
                "/rules/2/start_date",
                "/rules/2/what",
            ],
        ),
        (
            "rate_plan",
            {
                "rates": [
                    {"prefix": "+44", "micros_per_min": -1, "first_sec": 0, "next_sec": 3601},
                    {"prefix": "44", "direction": "any", "setup_micros": 0.5, "colour": "red"},
                    {"micros_per_min": 10**12},
                ]
            },
            [
                "/rates/0/prefix",
                "/rates/0/micros_per_min",
                "/rates/0/first_sec",
                "/rates/0/next_sec",
                "/rates/1/direction",
                "/rates/1/micros_per_min",
                "/rates/1/setup_micros",
                "/rates/1/colour",
                "/rates/2/micros_per_min",
            ],
        ),
        (
            "rate_plan",
            {"rates": [{"prefix": p, "micros_per_min": 1} for p in ("44", "", "44", "")]},
            ["/rates/2/prefix", "/rates/3/prefix"],
        ),
        ("call_flow", {"nodes": [{"id": "a", "type": "entry"}]}, ["/nodes/0/data"]),
        ("did", {"dest_xform": {"a/b~c": 1}}, ["/dest_xform/a~1b~0c"]),
        ("sip_user", {"dnd": 2, "username": "", "x": 1}, ["/username", "/dnd", "/x"]),
    ],
    ids=["webhook", "networks", "rules", "rates", "prefixes", "nodes", "escaped", "several"],
)
def test_every_fault_is_named_by_its_json_pointer(
    kind: str, members: dict[str, Any], pointers: list[str]
) -> None:
    assert _faults(kind, **members) == pointers


def test_a_nul_character_is_refused_wherever_it_stands() -> None:
    assert _faults("sip_user", display_name="a\0b") == ["/display_name"]
    nodes = [{"id": "a", "type": "entry", "data": {"text": ["x\0"]}}]
    assert _faults("call_flow", nodes=nodes) == ["/nodes/0/data/text/0"]


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@property_of(examples=60)
@given(st.data())
def test_whatever_is_sent_is_a_row_or_a_refusal_that_names_a_member(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(list(KINDS)))
    members = data.draw(st.dictionaries(st.sampled_from(list(KINDS[kind].model_fields)), _JUNK))
    named: set[str] = set()
    try:
        made = rules.check(kind, {**MAKE[kind], **members}, "US")
    except Invalid as refusal:
        named = {fault.pointer.split("/")[1] for fault in refusal.faults}
    else:
        assert type(made) is KINDS[kind]
    assert named <= set(members)


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "weekly"},
        {"kind": "date"},
        {"kind": "date", "start_date": "2026-02-30"},
        {"kind": "date_range", "start_date": "2026-06-29"},
        {"kind": "date_range", "start_date": "2026-06-29", "end_date": "2026-06-28"},
    ],
)
def test_a_rule_of_a_schedule_says_when(rule: dict[str, Any]) -> None:
    (pointer,) = _faults("time_schedule", rules=[rule])
    assert pointer.startswith("/rules/0")


@pytest.mark.parametrize(
    ("action", "pointer"), [("route", "/dest_kind"), ("webhook", "/webhook_url")]
)
def test_an_option_says_what_its_action_needs(action: str, pointer: str) -> None:
    assert _faults("in_queue_option", action=action) == [pointer]
    needed = {"/dest_kind": {"dest_kind": "hangup"}, "/webhook_url": {"webhook_url": "http://a/"}}
    assert _checked("in_queue_option", action=action, **needed[pointer]).action == action


def test_a_prefix_has_a_rate_in_each_direction() -> None:
    rates = [{"prefix": "1800", "direction": one, "micros_per_min": 1} for one in ("in", "out")]
    assert len(_checked("rate_plan", rates=rates).rates) == 2


def test_a_forward_leads_to_a_number_or_a_sip_address() -> None:
    assert _checked("forward", to="(202) 555-0123").to == "12025550123"
    assert _checked("forward", to="sip:desk@pbx.example").to == "sip:desk@pbx.example"


def test_a_forward_that_shows_a_number_has_one() -> None:
    assert _faults("forward", cid_policy="number") == ["/cid_number"]
    shown = _checked("forward", cid_policy="number", cid_number="+1 202 555 0199")
    assert shown.cid_number == "12025550199"


@pytest.mark.parametrize("member", [{}, {"user_id": "us_1", "device_id": "dev_1"}])
def test_a_member_of_a_ring_group_is_a_user_or_a_device(member: dict[str, Any]) -> None:
    assert _faults("ring_group", members=[member]) == ["/members/0"]
