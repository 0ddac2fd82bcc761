"""What the owner of some partitions keeps in memory: states folded from facts, and what is missing.

A handler asks the world for states. One that is not in memory raises `Missing`; the loop loads it
and runs the handler again, which is harmless because handlers are pure.

A call or a name that was never heard of is taken to be new without asking the store: that saves a
query per call. If the store knows better, the append conflicts, the stream is distrusted, loaded,
and the command decided again.

Facts are applied when they are decided, before they are durable, so that the next command of the
same batch sees them. If the append fails, everything it touched is forgotten and loaded again.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from commands import snapshots
from commands.store import History, Numbered, Snapshot
from domain import (
    bans,
    call,
    capacity,
    carrier,
    directory,
    dnc,
    presence,
    resources,
    sessions,
    voicemail,
)
from domain.addresses import Ranges
from domain.bans import BanList
from domain.call import CallSession
from domain.capacity import Capacity
from domain.detection import RULES, Rule, Tally
from domain.digest import Credential, NonceLedger
from domain.directory import Directory
from domain.dnc import DncList
from domain.presence import Presence
from domain.resources import Claim, Name
from domain.routing import Office, Platform
from domain.sessions import Session
from domain.voicemail import Mailbox
from events.acd import AcdFact
from events.bans import BansFact
from events.base import PLATFORM, AccountId, CallId, Fact, Millis, StreamName
from events.call import CallFact, FlowStepped
from events.capacity import CapacityFact
from events.carrier import CarrierFact
from events.dnc import DncFact
from events.flow import Dial
from events.presence import PresenceFact
from events.resources import Changed, ClaimFact, Created, Deleted
from events.sessions import SessionEnded, SessionFact, SessionOpened
from events.voicemail import VoicemailFact
from events.webhooks import WebhookFact

S = TypeVar("S")
K = TypeVar("K")
V = TypeVar("V")

MAX_DNC_NUMBERS = 2_000_000
"""Numbers of do-not-call lists that are kept in memory, of all accounts together (150 MB)."""
SNAPSHOT_EVERY = 1_000
"""Facts of a stream after which its state is saved (at least; more when the state is large)."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator set and decisions need."""

    platform: Platform
    nonce_secret: str
    media_uri: str
    answered_idle_ms: int
    """CAC_IDLE: how long an answered call may be silent before it counts as gone."""
    ban_rules: Mapping[str, Rule] = field(default_factory=lambda: RULES)
    spared: Ranges = field(default_factory=lambda: Ranges(()))
    """Addresses that no rule of ours bans: those of our own nodes and proxies."""


class Missing(Exception):
    """States that have to be loaded before the handler can run."""

    def __init__(
        self,
        account: AccountId | None = None,
        streams: Sequence[StreamName] = (),
        credential: str | None = None,
    ) -> None:
        super().__init__(account, streams, credential)
        self.account = account
        self.streams = streams
        self.credential = credential


@dataclass(slots=True)
class Held(Generic[S]):
    """A state and how many facts it is made of."""

    state: S
    version: int = 0
    snapshot_version: int = 0


@dataclass(slots=True)
class AccountStates:
    directory: Directory
    presence: Held[Presence]
    capacity: Held[Capacity]
    ledger: NonceLedger
    credentials: dict[str, Credential | None] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)


class Bounded(OrderedDict[K, V]):
    """A mapping that forgets what was used least recently."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def used(self, key: K) -> V | None:
        value = self.get(key)
        if value is not None:
            self.move_to_end(key)
        return value

    def trim(self) -> None:
        while len(self) > self.limit:
            self.popitem(last=False)


class World:
    def __init__(
        self,
        options: Options,
        max_accounts: int,
        max_calls: int,
        max_dnc_numbers: int = MAX_DNC_NUMBERS,
    ) -> None:
        self.options = options
        self._max_dnc_numbers = max_dnc_numbers
        self.now = Millis(0)
        """The time at which the current command is decided."""
        self._accounts: Bounded[AccountId, AccountStates] = Bounded(max_accounts)
        self._heard: Bounded[tuple[AccountId, CallId], Millis] = Bounded(max_calls)
        self._calls: Bounded[StreamName, Held[CallSession]] = Bounded(max_calls)
        self._claims: Bounded[StreamName, Held[Claim]] = Bounded(max_calls)
        self._bans: dict[StreamName, Held[BanList]] = {}
        self.tally = Tally()
        """Offences: a memory, like `NonceLedger`, of which nothing is durable."""
        self.heard: dict[str, Millis] = {}
        """Edge node → time of its latest snapshot of bans, which may have made no fact."""
        self._dnc: OrderedDict[StreamName, Held[DncList]] = OrderedDict()
        self._mailboxes: Bounded[StreamName, Held[Mailbox]] = Bounded(max_calls)
        self._grown: set[StreamName] = set()
        """Mailboxes with facts since it was last looked whether a snapshot is due."""
        self.guesses: Bounded[str, list[Millis]] = Bounded(max_calls)
        """Mailbox → when its PIN was tried: a memory, of which nothing is durable."""
        self._webhooks: Bounded[StreamName, Held[None]] = Bounded(max_calls)
        self._reports: Bounded[StreamName, Held[CarrierFact | None]] = Bounded(max_calls)
        self._sessions: Bounded[StreamName, Held[Session]] = Bounded(max_calls)
        self._distrusted: set[StreamName] = set()

    # What handlers ask for

    def account(self, account_id: AccountId) -> AccountStates:
        states = self._accounts.used(account_id)
        if states is None:
            raise Missing(account=account_id)
        return states

    def office(self, account_id: AccountId) -> Office:
        states = self.account(account_id)
        return Office(account_id, states.directory, states.presence.state, states.capacity.state)

    def turns(self, account_id: AccountId) -> Mapping[str, int]:
        """Ring group → how many calls it was given since the account was loaded. Not more than a
        hint whose turn it is: after a take-over a round begins again."""
        return self.account(account_id).turns

    def hear_of(self, account_id: AccountId, call_id: CallId) -> None:
        """An engine has asked for the call: it is there. A memory, not a fact."""
        self._heard[account_id, call_id] = self.now

    def heard_of(self, account_id: AccountId, call_id: CallId) -> Millis:
        """When an engine has asked for the call last, as far as this worker can know."""
        since = Millis(self.account(account_id).ledger.since_sec * 1000)
        return max(since, self._heard.get((account_id, call_id), since))

    def new_call(self, call_id: CallId) -> CallSession:
        """The session of a call that is most likely new."""
        stream = StreamName("call-" + call_id)
        held = self._calls.used(stream)
        if held is None:
            if stream in self._distrusted:
                raise Missing(streams=[stream])
            return CallSession(call_id)
        return held.state

    def calls(self, call_ids: Iterable[CallId]) -> list[CallSession]:
        """The sessions of calls that most likely exist."""
        streams = [StreamName("call-" + call_id) for call_id in call_ids]
        held = [self._calls.used(stream) for stream in streams]
        absent = [stream for stream, one in zip(streams, held, strict=True) if one is None]
        if absent:
            raise Missing(streams=absent)
        return [one.state for one in held if one is not None]

    def claim(self, name: Name) -> Claim:
        stream = StreamName(f"claim-{name.space}-{name.key}")
        held = self._claims.used(stream)
        if held is None:
            if stream in self._distrusted:
                raise Missing(streams=[stream])
            return Claim()
        return held.state

    def known_claim(self, name: Name) -> Claim:
        """A claim that exists: it is loaded if it is not in memory."""
        stream = StreamName(f"claim-{name.space}-{name.key}")
        if self._claims.used(stream) is None:
            raise Missing(streams=[stream])
        return self.claim(name)

    def bans(self, group: str) -> BanList:
        stream = StreamName("bans-" + group)
        held = self._bans.get(stream)
        if held is None:
            raise Missing(streams=[stream])
        return held.state

    def dnc(self, account_id: AccountId) -> DncList:
        stream = StreamName("dnc-" + account_id)
        held = self._dnc.get(stream)
        if held is None:
            raise Missing(streams=[stream])
        self._dnc.move_to_end(stream)
        return held.state

    def mailbox(self, voicemail_id: str) -> Mailbox:
        stream = StreamName("voicemail-" + voicemail_id)
        held = self._mailboxes.used(stream)
        if held is None:
            raise Missing(streams=[stream])
        return held.state

    def webhook(self, stream: StreamName) -> None:
        """Such a stream has no state, but it has to be known how long it is."""
        if self._webhooks.used(stream) is None:
            raise Missing(streams=[stream])

    def report(self, carrier: str, event_id: str) -> CarrierFact | None:
        """A carrier's report as it was taken; None when it is new."""
        stream = StreamName(f"carrier-{carrier}/{event_id}")
        held = self._reports.used(stream)
        if held is None:
            raise Missing(streams=[stream])
        return held.state

    def session(self, session_id: str) -> Session:
        stream = StreamName("session-" + session_id)
        held = self._sessions.used(stream)
        if held is None:
            raise Missing(streams=[stream])
        return held.state

    def credential(self, account_id: AccountId, ref: str) -> Credential | None:
        known = self.account(account_id).credentials
        if ref not in known:
            raise Missing(credential=ref)
        return known[ref]

    # What the loop does

    def apply(self, facts: Iterable[Fact]) -> list[Numbered]:
        """Evolve the states by facts that were just decided, and number these."""
        return [Numbered(fact.stream, self._apply(fact), fact) for fact in facts]

    def _apply(self, fact: Fact) -> int:
        stream = fact.stream
        match fact:
            case CallFact():
                self._take_turn(fact)
                calls = self._calls
                if (session := calls.get(stream)) is None:
                    session = calls[stream] = Held(CallSession(fact.call_id))
                return _evolved(session, call.evolve, fact)
            case CapacityFact():
                return _evolved(self._accounts[fact.account_id].capacity, capacity.evolve, fact)
            case PresenceFact() | AcdFact():
                return _evolved(self._accounts[fact.account_id].presence, presence.evolve, fact)
            case ClaimFact():
                claim = self._claims.setdefault(stream, Held(Claim()))
                return _evolved(claim, resources.evolve_claim, fact)
            case BansFact():
                return _evolved(self._bans[stream], bans.evolve, fact)
            case DncFact():
                return _evolved(self._dnc[stream], dnc.evolve, fact)
            case VoicemailFact():
                self._grown.add(stream)
                return _evolved(self._mailboxes[stream], voicemail.evolve, fact)
            case WebhookFact():
                return _evolved(self._webhooks[stream], _unchanged, fact)
            case CarrierFact():
                return _evolved(self._reports[stream], carrier.evolve, fact)
            case SessionOpened() | SessionEnded():
                return _evolved(self._sessions[stream], sessions.evolve, fact)
            case Created() | Changed() | Deleted():
                rows = self._accounts[fact.account_id].directory
                version = directory.version_of(rows, fact.id) + 1
                directory.evolve(rows, fact)
                return version
        raise TypeError(f"no state is made of {type(fact).__name__}")

    def _take_turn(self, fact: CallFact) -> None:
        if isinstance(fact, FlowStepped) and isinstance(fact.command, Dial):
            group, states = fact.command.ring_group_id, self._accounts.get(fact.account_id)
            if group is not None and states is not None:
                states.turns[group] = states.turns.get(group, 0) + 1

    def put_account(
        self,
        account_id: AccountId,
        rows: Directory,
        present: History,
        channels: History,
        since_sec: int,
    ) -> None:
        """Take over an account as the store has it. `since_sec`: when the partition was claimed."""
        self._accounts[account_id] = AccountStates(
            rows,
            _folded(Presence(), present, snapshots.load_presence, presence.evolve),
            _folded(Capacity(), channels, snapshots.load_capacity, capacity.evolve),
            NonceLedger(since_sec),
        )

    def put_stream(self, stream: StreamName, history: History) -> None:
        """Take a call, a claim or a ban list as the store has it."""
        self._distrusted.discard(stream)
        facts = history.facts
        if stream.startswith("call-"):
            session = call.fold(CallId(stream.removeprefix("call-")), facts)  # type: ignore[arg-type]
            self._calls[stream] = Held(session, len(facts))
        elif stream.startswith("claim-"):
            claim = Claim()
            for fact in facts:
                resources.evolve_claim(claim, fact)  # type: ignore[arg-type]
            self._claims[stream] = Held(claim, len(facts))
        elif stream.startswith("dnc-"):
            self._dnc[stream] = _folded(DncList(), history, snapshots.load_dnc, dnc.evolve)
        elif stream.startswith("voicemail-"):
            held = _folded(Mailbox(), history, snapshots.load_mailbox, voicemail.evolve)
            self._mailboxes[stream] = held
        elif stream.startswith("webhook-"):
            self._webhooks[stream] = Held(None, len(facts))
        elif stream.startswith("carrier-"):
            report = Held[CarrierFact | None](None)
            for fact in facts:
                _evolved(report, carrier.evolve, fact)
            self._reports[stream] = report
        elif stream.startswith("session-"):
            opened = sessions.fold(stream.removeprefix("session-"), facts)  # type: ignore[arg-type]
            self._sessions[stream] = Held(opened, len(facts))
        else:
            self._bans[stream] = _folded(BanList(), history, snapshots.load_bans, bans.evolve)

    def has_account(self, account_id: AccountId) -> bool:
        return account_id in self._accounts

    def is_over(self, account_id: AccountId, call_id: CallId) -> bool:
        """Whether the call is known to hold nothing any more."""
        states = self._accounts.get(account_id)
        return states is not None and call_id not in states.capacity.state.open

    def put_credential(
        self, account_id: AccountId, ref: str, credential: Credential | None
    ) -> None:
        self.account(account_id).credentials[ref] = credential

    def forget(self, facts: Iterable[Numbered]) -> None:
        """Drop every state that these facts have touched; they did not become durable."""
        for stream, _, fact in facts:
            if isinstance(fact, CallFact):
                self._calls.pop(stream, None)
                self._distrusted.add(stream)
            elif isinstance(fact, ClaimFact):
                self._claims.pop(stream, None)
                self._distrusted.add(stream)
            elif isinstance(fact, BansFact):
                self._bans.pop(stream, None)
            elif isinstance(fact, DncFact):
                self._dnc.pop(stream, None)
            elif isinstance(fact, VoicemailFact):
                self._mailboxes.pop(stream, None)
            elif isinstance(fact, WebhookFact):
                self._webhooks.pop(stream, None)
            elif isinstance(fact, CarrierFact):
                self._reports.pop(stream, None)
            elif isinstance(fact, SessionFact):
                self._sessions.pop(stream, None)
            else:
                self._accounts.pop(fact.account_id, None)

    def clear(self) -> None:
        """Drop everything: ownership was lost, or the store was away."""
        self._accounts.clear()
        self._calls.clear()
        self._heard.clear()
        self._claims.clear()
        self._bans.clear()
        self._dnc.clear()
        self.heard.clear()
        self._mailboxes.clear()
        self._webhooks.clear()
        self._reports.clear()
        self._sessions.clear()
        self._distrusted.clear()

    def trim(self) -> None:
        """Keep the caches within their bounds; called between batches."""
        self._accounts.trim()
        self._calls.trim()
        self._heard.trim()
        self._claims.trim()
        self._mailboxes.trim()
        self.guesses.trim()
        self._webhooks.trim()
        self._reports.trim()
        self._sessions.trim()
        while len(self._dnc) > 1 and self._dnc_numbers() > self._max_dnc_numbers:
            self._dnc.popitem(last=False)

    def _dnc_numbers(self) -> int:
        return sum(len(held.state.numbers) for held in self._dnc.values())

    def due_snapshots(self, touched: Collection[AccountId]) -> list[Snapshot]:
        """Snapshots worth saving now, of the accounts that a batch has touched."""
        found: list[Snapshot] = []
        for account_id in touched:
            states = self._accounts.get(account_id)
            if states is None:
                continue
            channels, present = states.capacity, states.presence
            if _is_due(channels, capacity.size_of):
                stream = StreamName("capacity-" + account_id)
                data = snapshots.dump_capacity(channels.state)
                found.append(Snapshot(stream, channels.version, snapshots.CAPACITY, data))
                channels.snapshot_version = channels.version
            if _is_due(present, presence.size_of):
                stream = StreamName("presence-" + account_id)
                data = snapshots.dump_presence(present.state)
                found.append(Snapshot(stream, present.version, snapshots.PRESENCE, data))
                present.snapshot_version = present.version
        for account_id in touched:
            stream = StreamName("dnc-" + account_id)
            if (listed := self._dnc.get(stream)) and _is_due(listed, dnc.size_of):
                data = snapshots.dump_dnc(listed.state)
                found.append(Snapshot(stream, listed.version, snapshots.DNC, data))
                listed.snapshot_version = listed.version
        for stream, held in self._bans.items() if PLATFORM in touched else ():
            if _is_due(held, bans.size_of):
                data = snapshots.dump_bans(held.state)
                found.append(Snapshot(stream, held.version, snapshots.BANS, data))
                held.snapshot_version = held.version
        return found + self._due_mailboxes()

    def _due_mailboxes(self) -> list[Snapshot]:
        found: list[Snapshot] = []
        for stream in self._grown:
            box = self._mailboxes.get(stream)
            if box is not None and _is_due(box, voicemail.size_of):
                data = snapshots.dump_mailbox(box.state)
                found.append(Snapshot(stream, box.version, snapshots.MAILBOX, data))
                box.snapshot_version = box.version
        self._grown.clear()
        return found


def _evolved(held: Held[S], evolve: Callable[[S, Any], S], fact: Fact) -> int:
    held.state = evolve(held.state, fact)
    held.version += 1
    return held.version


def _unchanged(state: None, _: Fact) -> None:
    return state


def _folded(
    initial: S, history: History, load: Callable[[bytes], S], evolve: Callable[[S, Any], S]
) -> Held[S]:
    held = Held(initial)
    if history.snapshot is not None:
        version = history.snapshot.version
        held = Held(load(history.snapshot.state), version, version)
    for fact in history.facts:
        _evolved(held, evolve, fact)
    return held


def _is_due(held: Held[S], size_of: Callable[[S], int]) -> bool:
    since = held.version - held.snapshot_version
    return since >= SNAPSHOT_EVERY and since >= 2 * size_of(held.state)
