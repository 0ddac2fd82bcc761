"""What the functions of the nodes are given, and what they return.

A node's file has its data (`NodeData`: members, outcomes) and ``run(node, visit) -> Next``, which
is called when the call arrives (`visit.answer` is None) and again with every outcome that the
engine reports while the call waits there.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from domain.acd.desk import Desk, at_desk
from domain.acd.floor import FloorFact
from domain.directory import Directory
from domain.flag import Flag as Flag
from domain.flow import media, template
from domain.routing import Office, Platform
from events.base import CallId, Millis
from events.capacity import Count, LimitExceeded, TollFraudSuspected
from events.flow import FlowCommand, Frame, Speech
from events.resources import Account

Id = Annotated[str, Field(min_length=1, max_length=64)]
Text = Annotated[str, Field(min_length=1, max_length=template.MAX_TEXT)]
Audio = Annotated[
    str,
    Field(pattern=r"^([A-Za-z0-9_-]{1,64}|system/[A-Za-z-]{2,8}/[a-z]{1,8}/[a-z-]{1,32}\.wav)$"),
]
"""A media file's id, or the key of a system prompt."""
Variable = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Seconds = Annotated[int, Field(ge=1, le=600)]
Digits = Annotated[int, Field(ge=1, le=32)]
Tries = Annotated[int, Field(ge=1, le=20)]
Terminators = Annotated[str, Field(pattern=r"^[0-9*#]{0,12}$")]

DEFAULT = "default"
POLL = "poll"
"""An engine asks whether there is something new."""
POLL_MS = 100
"""Pause of an engine between two polls; the answer to a poll itself may take its time."""
MAX_NAME = 150
"""Letters of a call's id in the key of a recording."""


class NodeData(BaseModel):
    """The `data` of a node. Members are camelCase, as React Flow and the console have them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    label: Annotated[str, Field(max_length=200)] | None = None
    """What the builder shows."""
    outcomes: ClassVar[tuple[str, ...]] = (DEFAULT,)
    waits: ClassVar[bool] = True
    """Whether the caller hears, does or waits for something here."""
    attends: ClassVar[bool] = False
    """Whether the node wants to know of polls and of the caller's hanging up."""
    pointers: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Member → kind of the row that it names."""

    @property
    def effort(self) -> int:
        """What it costs to pass the node, in comparisons; a step has so many of them."""
        return 1

    def emits(self, handle: str) -> bool:
        """Whether an edge may begin at this handle."""
        return handle in self.outcomes or (handle == DEFAULT and bool(self.outcomes))


class Answer(NamedTuple):
    """What an engine reports of the command before."""

    outcome: str
    data: Mapping[str, str] = {}

    @property
    def digits(self) -> str | None:
        """The digits that were dialled; None when there were none."""
        if self.outcome.startswith("digit:"):
            return self.outcome.removeprefix("digit:")
        return self.data.get("digits") if self.outcome in ("done", "barge") else None


class Leave(NamedTuple):
    """To another route target; this flow is over."""

    kind: str
    id: str | None


def leave_to(kind: str | None, id: str | None) -> Leave | None:
    """A row's own route target; None where it has none."""
    return Leave(kind, id) if kind else None


def over() -> Leave:
    """To the end of the call."""
    return Leave("hangup", None)


class Done(NamedTuple):
    """The node is passed."""

    outcome: str
    instead: Leave | None = None
    """Where the call goes if nobody has drawn the outcome."""
    is_end: bool = False
    """Whether the call may simply end here if nobody has drawn the outcome."""


class Wait(NamedTuple):
    """A command; its outcome comes back to this node with these counters."""

    command: FlowCommand
    stage: int = 0
    failures: int = 0
    timeouts: int = 0
    leases: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    trunks: tuple[str, ...] = ()
    number: str | None = None
    held: tuple[Frame, ...] = ()
    """As the members of `Frame`."""


class Resume(NamedTuple):
    """Back to where the call was held, with a command; the user talks there with the caller."""

    command: FlowCommand
    user_id: str


class Stay(NamedTuple):
    """Nothing new: the engine goes on with what it was told."""

    look_at: Millis | None = None
    """When there will be something new even if nothing happens."""


class Enter(NamedTuple):
    """Into another flow, and back here when it is through."""

    flow_id: str


Next = Done | Wait | Resume | Stay | Leave | Enter


class Prompt(NamedTuple):
    urls: tuple[str, ...]
    tts: Speech | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What is known outside the flow at the moment of the step."""

    office: Office
    platform: Platform
    now: Millis
    call_id: CallId
    from_number: str
    to_number: str
    turns: Mapping[str, int] = field(default_factory=dict)
    """Ring group → how many calls it was given before."""
    node_id: str | None = None
    """The edge node that has the call."""
    user_id: str | None = None
    """The user who made the call."""
    is_what_if: bool = False
    """Whether nothing is recorded: nobody is put into a queue then."""
    recorded: Collection[str] = ()
    """Keys under which the call was to leave a message before."""
    is_full: Callable[[str, int], bool] = lambda voicemail_id, quota_mb: False
    """Whether a mailbox has no room for another message."""

    @property
    def directory(self) -> Directory:
        return self.office.directory

    @property
    def account(self) -> Account:
        return self.directory.account or Account(name="")


class Admitted(NamedTuple):
    """What the legs that begin with this step count for."""

    counts: tuple[Count, ...]
    is_costly: bool
    alarms: tuple[LimitExceeded | TollFraudSuspected, ...]


@dataclass(slots=True)
class Center:
    """The contact center as a step sees it. Most steps never look."""

    office: Office
    now: Millis
    seen: Desk | None = None

    @property
    def desk(self) -> Desk:
        if self.seen is None:
            self.seen = at_desk(self.office, self.now)
        return self.seen

    @property
    def facts(self) -> list[FloorFact]:
        return [] if self.seen is None else self.seen.facts

    def aside(self) -> "Center":
        """To play on with, and forget."""
        return Center(self.office, self.now, self.seen and self.seen.aside())


@dataclass(slots=True)
class Visit:
    """A call at a node."""

    context: Context
    frame: Frame
    handles: frozenset[str]
    """Those of the node's outcomes that are drawn."""
    answer: Answer | None
    variables: dict[str, str]
    secrets: set[str]
    """Variables that must not be stored as they are."""
    seq: int
    """Number of the command that comes of this step."""
    center: Center
    """The contact center, as earlier nodes of this step have left it."""
    is_over: bool = False
    """Whether the caller has hung up."""
    changed: dict[str, str] = field(default_factory=dict)
    note: str = ""
    hides_answer: bool = False
    """Whether what was dialled must not be stored."""
    admitted: list[Admitted] = field(default_factory=list)

    def set(self, name: str, value: str, *, is_secret: bool = False) -> None:
        value = value[: template.MAX_TEXT]
        self.variables[name] = self.changed[name] = value
        (self.secrets.add if is_secret else self.secrets.discard)(name)

    def text(self, text: str) -> str:
        return template.render(text, self.variables)

    def prompt(
        self,
        audio: str | None,
        text: str | None,
        voice: str | None = None,
        language: str | None = None,
    ) -> Prompt:
        """What is heard: a recorded file, or else a text. A file that is gone is noted."""
        if audio is not None:
            if key := media.key_of(self.context.directory, audio):
                return Prompt((key,))
            self.note = f"no media {audio}"
        if text is None:
            return Prompt(())
        account = self.context.account
        speech = Speech(
            text=self.text(text),
            voice=voice or account.voice_gender,
            language=language or account.language,
        )
        return Prompt((speech_key(speech),), speech)

    def system_prompt(self, id: str) -> str:
        account = self.context.account
        return f"system/{account.language}/{account.voice_gender}/{id}.wav"


def speech_key(speech: Speech) -> str:
    """Where a rendered text lies: the same text in the same voice is rendered once."""
    parts: tuple[Any, ...] = (speech.language, speech.voice, speech.text)
    return f"tts/{sha256(chr(0).join(parts).encode()).hexdigest()}.wav"


def recording_key(visit: Visit, folder: str, suffix: str = "") -> str:
    """Where a recording of the call goes. A call's id may hold what no key may, and be longer."""
    call_id = visit.context.call_id
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_.@") else "_" for c in call_id)
    if name != call_id or name.startswith(".") or len(name) > MAX_NAME:
        name = f"{name.lstrip('.')[:MAX_NAME]}-{sha256(call_id.encode()).hexdigest()[:8]}"
    return f"{visit.context.office.account_id}/{folder}/{name}{suffix}.wav"
