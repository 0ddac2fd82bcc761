"""The shape of a command and of what comes of it."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
)
from pydantic.alias_generators import to_camel

from commands.store import Deadline
from events.base import PLATFORM, AccountId, CallId, Fact, Millis


def _printable(value: str) -> str:
    if not value.isprintable() or " " in value:
        raise ValueError("has a space or a control character")
    return value


def default_if_blank(cls: type[BaseModel], value: Any, info: ValidationInfo) -> Any:
    """A form has no other way to say that a member is absent than to leave it empty."""
    return cls.model_fields[info.field_name or ""].default if value == "" else value


def _millis(value: Any) -> Any:
    """Seconds with a fraction (what Kamailio's `$TV(u)` prints) become milliseconds."""
    if isinstance(value, str):
        try:
            value = float(value) if "." in value else int(value)
        except ValueError:
            return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return value
    return int(value * 1000) if 0 < value < 10**11 else int(value)


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("has a control character")
    return value


Line = Annotated[str, AfterValidator(_one_line)]
"""Text that goes into a column or a header: no control characters."""
Printable = Annotated[str, Field(max_length=255), AfterValidator(_printable)]
CallIdField = Annotated[CallId, Field(min_length=1, max_length=255), AfterValidator(_printable)]
AccountIdField = Annotated[
    AccountId, Field(min_length=1, max_length=64), AfterValidator(_printable)
]
Timestamp = Annotated[Millis, BeforeValidator(_millis), Field(ge=0, le=4_102_444_800_000)]
"""Epoch milliseconds up to the year 2100; a value below 10^11 is taken for seconds."""


class Command(BaseModel):
    """A wish addressed to the owner of an account. Member names are camelCase on the wire."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )

    account_id: AccountIdField = PLATFORM
    command_id: Line | None = Field(default=None, max_length=255)
    """Names the wish: sent again under the same id, it gets the first reply. Needed only where the
    decision itself does not recognise a repetition."""


class Hold(NamedTuple):
    """The answer may wait until something changes for this call."""

    call_id: CallId
    until: Millis


class Outcome(NamedTuple):
    """What a handler returns: the facts to append, and the reply once they are durable."""

    facts: Sequence[Fact]
    reply: dict[str, Any]
    wake: Sequence[Deadline] = ()
    """When to look again, should nothing else happen."""
    hold: Hold | None = None
    """Of a command that has changed nothing; None: it is answered at once."""


C = TypeVar("C", bound=Command)
Handler = Callable[[C, Any], Outcome]
