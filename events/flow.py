"""Parts of the facts of a call flow: what an engine is told to do next, and where the call stands.

On the wire the members of commands are camelCase; they are stored as they are named here. Flags
are 0/1. `urls` are keys below the control plane's ``/media/``.

A transfer is told with these commands too. It comes as the answer to a poll, in the place of the
command that the engine is carrying out; nobody has asked for it. Whom the new command does not
name is let go: the caller is put on hold with music, everybody else is hung up.
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
    lease_id: str | None = None
    """The reservation that the agent behind this leg has: his answer has to be confirmed."""
    epoch: int | None = None
    confirm_url: str | None = None
    """Path to ask when the leg is answered: 200 bridges it to the caller, 409 drops it."""
    claim_url: str | None = None
    """The same where several agents ring and the first gets the caller (ring_all)."""
    accept_url: str | None = None
    """Played to the agent, who has to press 1 before his answer counts."""
    whisper_url: str | None = None
    """Played to the agent before he is bridged."""


class Dial(_Wired):
    command: Literal["dial"] = "dial"
    legs: tuple[Leg, ...]
    """Of a caller in a queue: those that are to be rung beside the ones that ring already."""
    strategy: str
    """``parallel``: every leg after its delay. ``failover``: the next when one has failed."""
    caller_id: str
    timeout_ms: int
    mode: str | None = None
    """``consult``: the agent who has the caller stays on the line and hears how it rings, the
    caller is on hold. Reported as `answered` as soon as somebody has answered; if the agent hangs
    up meanwhile, as `done` with the data ``party: agent``. Without a mode the caller is dialled
    through: an agent who has him is hung up, the caller hears the music, and `answered` is
    reported when the conversation is over. A leg that rings already, or was answered just
    now, is kept."""
    record: int = 0
    ring_group_id: str | None = None
    queue_id: str | None = None
    moh_url: str | None = None
    moh_stream: str | None = None
    poll_ms: int | None = None
    """Pause between two polls meanwhile; None: there is nothing to ask for."""


class Announcement(_Wired):
    urls: tuple[str, ...]
    tts: Speech | None = None


class Enqueue(_Wired):
    """Hold music, and a poll after each pause: the answer says who is to be dialled."""

    command: Literal["enqueue"] = "enqueue"
    queue_id: str
    position: int
    """1: next."""
    ewt_sec: int
    moh_url: str | None = None
    moh_stream: str | None = None
    """Name of a stream that all callers of the account share."""
    announce: Announcement | None = None
    """Played once, over the music."""
    digits: str = ""
    """What the caller may press while he waits."""
    poll_ms: int


class Noop(_Wired):
    """Go on as you are, and ask again. Never stored."""

    command: Literal["noop"] = "noop"
    retry_ms: int


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
    """Into a room. In a transfer: the bridge of the call, whose parties stand in the flags."""

    command: Literal["conference"] = "conference"
    room: str
    pin: str | None = None
    flags: tuple[str, ...] = ()
    """``record``, ``wait_for_moderator``; of a bridge who is in it: ``caller``, ``agent`` (who
    transfers), ``target``. `done` with the data ``party`` says who has left it (``agent`` or
    ``target``), without that the bridge is over. The caller's own end is `hangup`."""
    max_members: int | None = None
    poll_ms: int | None = None


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
    Play | Gather | Dial | Enqueue | Record | JoinConference | Hangup | Noop | Request,
    Field(discriminator="command"),
]


class Originate(_Wired):
    """For an edge node, not for a call that it has: ring the agent; when his answer is confirmed,
    ask POST /route with this `callId`, `to` the number, `authUser` and `fromDomain`, and bridge.
    Asked for twice, it is one call. Never stored."""

    op: Literal["originate"] = "originate"
    call_id: str
    account_id: str
    queue_id: str
    legs: tuple[Leg, ...]
    number: str
    """E.164 without the plus."""
    auth_user: str
    from_domain: str
    expires_at: int
    """Epoch ms after which the agent is not reserved any more."""


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
    leases: tuple[str, ...] = ()
    """The reservations whose legs the engine has been given."""
    users: tuple[str, ...] = ()
    """The users whose lines the command rings, or who talk because of it."""
    trunks: tuple[str, ...] = ()
    """The trunks that it goes out through; an empty text stands for the platform's carrier."""
    number: str | None = None
    """The number outside that it dials (E.164), if that is paid for."""
    held: tuple["Frame", ...] = ()
    """Where the call goes on if a transfer comes to nothing."""


class Visited(NamedTuple):
    """A node that was passed, or reached last."""

    node_id: str
    kind: str
    outcome: str
    """Empty for the node that waits."""
    note: str = ""
