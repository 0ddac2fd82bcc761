"""Parts of the facts of a call flow: what an engine is told to do next, and where the call stands.

On the wire the members of commands are camelCase; they are stored as they are named here. Flags
are 0/1. `urls` are keys below the control plane's ``/media/``.
"""

from typing import Annotated, Literal, NamedTuple

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from events.base import Value


class _Wired(Value):
    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )


class Speech(_Wired):
    """Text that is rendered to the last of the command's `urls`."""

    text: str
    voice: str
    language: str


class Play(_Wired):
    command: Literal["play"] = "play"
    urls: tuple[str, ...]
    tts: Speech | None = None
    barge_in: int = 0


class Gather(_Wired):
    """Play, and take digits."""

    command: Literal["gather"] = "gather"
    urls: tuple[str, ...]
    tts: Speech | None = None
    min_digits: int
    max_digits: int
    terminators: str = ""
    timeout_ms: int
    inter_digit_timeout_ms: int
    barge_in: int = 1


class Leg(_Wired):
    """One branch of a dial: an address of record, or a URI to send it to."""

    aor: str | None = None
    uri: str | None = None
    delay_ms: int = 0
    timeout_ms: int
    headers: dict[str, str] = Field(default={})
    transport: str | None = None
    trunk_id: str | None = None
    auth_username: str | None = None
    auth_secret_ref: str | None = None


class Dial(_Wired):
    command: Literal["dial"] = "dial"
    legs: tuple[Leg, ...]
    strategy: str
    """``parallel``: every leg after its delay. ``failover``: the next when one has failed."""
    caller_id: str
    timeout_ms: int
    record: int = 0
    ring_group_id: str | None = None


class Record(_Wired):
    command: Literal["record"] = "record"
    key: str
    """Where the recording is to be put: PUT /media/{key}."""
    max_ms: int
    silence_ms: int
    beep: int
    format: str = "wav"
    voicemail_id: str | None = None
    """The mailbox in which it becomes a message."""


class JoinConference(_Wired):
    command: Literal["conference"] = "conference"
    room: str
    pin: str | None = None
    flags: tuple[str, ...] = ()
    max_members: int | None = None


class Hangup(_Wired):
    command: Literal["hangup"] = "hangup"
    cause: str = "normal_clearing"
    sip_code: int | None = None
    """Status for a call that was not answered yet."""


class Request(_Wired):
    """An HTTP request that a gateway makes between two steps; no engine ever sees it."""

    command: Literal["webhook"] = "webhook"
    url: str
    method: str
    headers: dict[str, str] = Field(default={})
    body: str | None = None
    timeout_ms: int
    secret_ref: str | None = None
    is_masked: int = 0
    """Whether a secret stands as asterisks in it: such a request cannot be made again."""


FlowCommand = Annotated[
    Play | Gather | Dial | Record | JoinConference | Hangup | Request,
    Field(discriminator="command"),
]


class Frame(Value):
    """Where a call waits in one graph, and how often its node was tried."""

    flow_id: str
    flow_version: int
    """0: a flow of one node that stands for a row (``queue:q_…``)."""
    node_id: str
    """Empty: the error prompt is played, and then the call is hung up."""
    stage: int = 0
    failures: int = 0
    timeouts: int = 0


class Visited(NamedTuple):
    """A node that was passed, or reached last."""

    node_id: str
    kind: str
    outcome: str
    """Empty for the node that waits."""
    note: str = ""
