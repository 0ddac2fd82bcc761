"""Attacks are counted within a sliding time, in bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import detection
from domain.detection import RULES, Rule, Tally
from events.base import Millis
from tests.support.given import NOW, property_of

RULE = Rule(threshold=5, period_sec=60, ban_sec=600)


@property_of(examples=100)
@given(st.lists(st.integers(0, 40_000), max_size=40))
def test_the_count_is_that_of_the_last_period_up_to_the_threshold(pauses: list[int]) -> None:
    tally, now, seen = Tally(), NOW, list[Millis]()
    for pause in pauses:
        now = Millis(now + pause)
        seen.append(now)
        within = sum(at > now - 60_000 for at in seen)
        assert tally.count("auth_ip", RULE, "203.0.113.9", now) == min(within, 5)


def test_each_source_and_each_rule_counts_for_itself() -> None:
    tally = Tally()
    for _ in range(3):
        tally.count("auth_ip", RULE, "203.0.113.9", NOW)
    assert tally.count("auth_ip", RULE, "203.0.113.10", NOW) == 1
    assert tally.count("auth_user", RULE, "203.0.113.9", NOW) == 1
    assert tally.count("auth_ip", RULE, "203.0.113.9", NOW) == 4


def test_a_flood_from_everywhere_is_held_in_bounded_memory() -> None:
    tally = Tally(subjects=100)
    for number in range(1_000):
        tally.count("auth_ip", RULE, str(number), NOW)
    assert len(tally) == 100
    assert tally.count("auth_ip", RULE, "999", NOW) == 2
    assert tally.count("auth_ip", RULE, "0", NOW) == 1


@pytest.mark.parametrize(
    ("agent", "is_scanner"),
    [
        ("friendly-scanner", True),
        ("SIPVicious/0.3", True),
        ("sipcli/v1.8", True),
        ("VaxSIPUserAgent/3.5", True),
        ("Yealink SIP-T46S 66.85.0.5", False),
        ("Asterisk PBX 20.5.0", False),
        ("smart phone", False),
        ("", False),
    ],
)
def test_attack_tools_are_known_by_name(agent: str, is_scanner: bool) -> None:
    assert detection.is_scanner(agent) is is_scanner


def test_rules_are_read_from_text() -> None:
    assert detection.rules_from("") == RULES
    found = detection.rules_from("auth_ip=3/10:30, scanner=0/1:1")
    assert found == {**RULES, "auth_ip": Rule(3, 10, 30), "scanner": Rule(0, 1, 1)}


@pytest.mark.parametrize("text", ["auth_ip", "auth_ip=3", "auth_ip=3/10", "other=1/1:1", "a=b"])
def test_a_rule_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        detection.rules_from(text)
