"""Telephone numbers and the user part of SIP addresses.

Numbers are kept as E.164 digits without plus. Input may have any common form; the account's country
is the hint for national forms.
"""

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import shortnumberinfo

ANONYMOUS = frozenset({"", "anonymous", "unknown", "restricted", "private", "unavailable"})
"""User parts that hide the caller (RFC 3323, and what carriers make of it)."""

_INTERNATIONAL = re.compile(r"\+([1-9][0-9]{6,14})")
_SIP_URI = re.compile(r"sips?:[A-Za-z0-9._~+*#!$&'(),;=?/%-]{1,64}@[A-Za-z0-9.\[\]:-]{1,128}")
_SIP_USER = re.compile(r"(?:sips?:|tel:)?([^@;?>]*)", re.IGNORECASE)


@lru_cache(maxsize=65_536)
def user_part(address: str) -> str:
    """`sip:1001@acme.example;transport=udp` → `1001`; what is no URI comes back as it is."""
    found = _SIP_USER.match(address.strip().lstrip("<"))
    return found.group(1) if found else address


def is_sip_uri(text: str) -> bool:
    """Whether it is a SIP URI that can be written into a request as it stands."""
    return _SIP_URI.fullmatch(text) is not None


@lru_cache(maxsize=65_536)
def normalise(raw: str, country: str) -> str | None:
    """E.164 digits of `raw`, or None when no number can be read from it.

    `country` is an ISO 3166 code. Only the form is judged, not whether the number is assigned.
    """
    if found := _INTERNATIONAL.fullmatch(raw):
        return found.group(1)
    if _is_complete(raw, country):
        return raw
    try:
        number = phonenumbers.parse(raw, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]


def _is_complete(raw: str, country: str) -> bool:
    """Whether `raw` is E.164 without its plus already, as carriers and our own rows have it.

    `49 5344 …` is a number of Germany, though it could be one of the area 04953 as well.
    """
    code = phonenumbers.country_code_for_region(country)
    if not code or not raw.isascii() or not raw.isdigit() or not raw.startswith(str(code)):
        return False
    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse("+" + raw)))
    except phonenumbers.NumberParseException:
        return False


@lru_cache(maxsize=4_096)
def is_emergency(raw: str, country: str) -> bool:
    """Whether `raw`, dialled exactly so in `country`, reaches an emergency service."""
    return bool(shortnumberinfo.is_emergency_number(raw, country))


def from_list(raw: str, country: str) -> str | None:
    """E.164 digits of a number as lists have it: national, or international with or without a plus.

    Digits alone are national if there is such a number in the country, else international.
    """
    if not raw.isdecimal():
        return normalise(raw, country)
    for text in (raw, "+" + raw):
        try:
            number = phonenumbers.parse(text, country)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]
    return normalise(raw, country)


@lru_cache(maxsize=65_536)
def is_costly(number: str, country: str) -> bool:
    """Whether a call to `number` (E.164 digits) leaves the country or goes to a premium service."""
    try:
        parsed = phonenumbers.parse("+" + number)
    except phonenumbers.NumberParseException:
        return False
    if phonenumbers.region_code_for_number(parsed) != country:
        return True
    return bool(phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.PREMIUM_RATE)
