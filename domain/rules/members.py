"""The kinds of members that rows have in common: what they are made of, and what is put right."""

from datetime import date
from ipaddress import ip_network
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ValidationInfo,
)

from domain import numbers
from domain.flag import Flag as Flag


def _timezone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("no such IANA time zone")
    return value


def e164(value: str, info: ValidationInfo) -> str:
    """E.164 of a number in any form; left alone where the account's country is not known, and if
    it is what the row has: that was read in the country of its time."""
    if info.context is None or value == info.context["stored"].get(info.field_name):
        return value
    number = numbers.normalise(value, info.context["country"])
    if number is None:
        raise ValueError("not a telephone number")
    return number


def _network(value: str) -> str:
    return str(ip_network(value, strict=False))


def _date(value: str) -> str:
    date.fromisoformat(value)
    return value


Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=1000)]
Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9._~+*#-]{1,64}$")]
"""The user part of a SIP URI without escapes (RFC 3261 section 25.1)."""
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")]
HostPort = Annotated[str, Field(pattern=r"^[A-Za-z0-9.\[\]:-]{1,262}$")]
Digits = Annotated[str, Field(pattern=r"^[0-9*#]{1,32}$")]
Number = Annotated[str, Field(max_length=64), AfterValidator(e164)]
Zone = Annotated[str, AfterValidator(_timezone)]
Network = Annotated[str, AfterValidator(_network)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Seconds = Annotated[int, Field(ge=0, le=86_400)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""HH:MM."""
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
    "queue.entered",
    "queue.answered",
    "queue.abandoned",
    "agent.state",
    "voicemail.received",
    "security.ban",
    "limit.exceeded",
    "test",
]
"""What a webhook can subscribe to: `*` is all of it. Bans belong to the platform, so `security.ban`
goes to subscriptions of the platform's account only; `test` to the one that was asked for."""

STRICT = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
