"""Telephone numbers in the forms that people, phones and carriers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import numbers
from tests.support.given import property_of


@pytest.mark.parametrize(
    ("raw", "country", "number"),
    [
        ("+12025550123", "US", "12025550123"),
        ("+12025550123", "DE", "12025550123"),
        ("12025550123", "US", "12025550123"),
        ("2025550123", "US", "12025550123"),
        ("(202) 555-0123", "US", "12025550123"),
        ("202.555.0123", "US", "12025550123"),
        ("011442079460958", "US", "442079460958"),
        ("011 44 20 7946 0958", "US", "442079460958"),
        ("00442079460958", "DE", "442079460958"),
        ("030 123456", "DE", "4930123456"),
        ("+49 (0)30 123456", "DE", "4930123456"),
        ("020 7946 0958", "GB", "442079460958"),
        ("0011442079460958", "AU", "442079460958"),
        ("tel:+12025550123", "US", "12025550123"),
    ],
)
def test_a_number_in_any_common_form_becomes_e164(raw: str, country: str, number: str) -> None:
    assert numbers.normalise(raw, country) == number


@pytest.mark.parametrize("raw", ["", "+", "+1", "1001", "911", "*97", "alice", "+0123456789"])
def test_what_is_no_number_is_none(raw: str) -> None:
    assert numbers.normalise(raw, "US") is None


def test_a_national_number_needs_a_country() -> None:
    assert numbers.normalise("2025550123", "ZZ") is None
    assert numbers.normalise("+12025550123", "ZZ") == "12025550123"


@property_of(examples=40)
@given(
    digits=st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True),
    country=st.sampled_from(["US", "DE", "GB", "AU"]),
)
def test_e164_with_plus_is_the_same_in_every_country(digits: str, country: str) -> None:
    assert numbers.normalise("+" + digits, country) == digits


@pytest.mark.parametrize(
    ("address", "user"),
    [
        ("1001", "1001"),
        ("1001@acme.example", "1001"),
        ("sip:1001@acme.example", "1001"),
        ("SIP:1001@acme.example", "1001"),
        ("sips:1001@acme.example;transport=tls", "1001"),
        ("<sip:+12025550123@192.0.2.1:5060;user=phone>", "+12025550123"),
        ("sip:+12025550123;phone-context=x@carrier.example", "+12025550123"),
        ("tel:+1-202-555-0123;ext=5", "+1-202-555-0123"),
        ("anonymous@anonymous.invalid", "anonymous"),
        (" 1001 ", "1001"),
        ("", ""),
    ],
)
def test_the_user_part_is_what_was_dialled(address: str, user: str) -> None:
    assert numbers.user_part(address) == user


@pytest.mark.parametrize(
    ("country", "services"),
    [
        ("US", ["911", "112"]),
        ("GB", ["999", "112"]),
        ("DE", ["110", "112"]),
        ("AU", ["000"]),
        ("JP", ["110", "119"]),
    ],
)
def test_the_emergency_numbers_of_a_country_are_known(country: str, services: list[str]) -> None:
    assert all(numbers.is_emergency(service, country) for service in services)


@pytest.mark.parametrize(
    ("dialled", "country"),
    [("911", "DE"), ("999", "US"), ("9112", "US"), ("91", "US"), ("1911", "US"), ("", "US")],
)
def test_nothing_else_is_an_emergency(dialled: str, country: str) -> None:
    assert not numbers.is_emergency(dialled, country)


@pytest.mark.parametrize("hidden", ["", "anonymous", "restricted", "unavailable"])
def test_a_hidden_caller_is_anonymous(hidden: str) -> None:
    assert hidden in numbers.ANONYMOUS


@pytest.mark.parametrize(
    ("raw", "country", "number"),
    [
        ("4953449962937", "DE", "4953449962937"),
        ("05344 9962937", "DE", "4953449962937"),
        ("4359267248654", "AT", "4359267248654"),
        ("12025550123", "US", "12025550123"),
        ("2025550123", "US", "12025550123"),
        ("9123456789", "IN", "919123456789"),
    ],
)
def test_e164_without_plus_is_told_from_a_national_number(
    raw: str, country: str, number: str
) -> None:
    assert numbers.normalise(raw, country) == number
