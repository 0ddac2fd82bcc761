"""Facts for tests that do not care which."""

from commands.store import Append, Numbered
from events.base import AccountId, CallId, Fact, Millis
from events.call import (
    CallAnswered,
    CallEnded,
    CallRouted,
    Direction,
    Disposition,
    Outcome,
    RunFlow,
    Step,
)
from events.capacity import (
    ChannelsReleased,
    ChannelsTaken,
    Dimension,
    Hold,
    LegsHeld,
    ReleaseReason,
)

ACCOUNT = AccountId("acc_01jf18ah3jeb5w6dfp27sgjsbt")
DID = "did_01j3sarpfcz8gdnnabykstr6fw"
START = Millis(1_795_000_000_000)


def routed(call_id: str, at: int = START, account_id: AccountId = ACCOUNT) -> CallRouted:
    return CallRouted(
        account_id=account_id,
        at=Millis(at),
        call_id=CallId(call_id),
        hop=1,
        request="0123456789abcdef",
        direction=Direction.INBOUND,
        from_number="14155551234",
        to_number="12025550123",
        did_id=DID,
        directive=RunFlow(flow_id="flow_1", flow_version=1, vars={}),
        path=(Step("classify", "inbound", DID),),
    )


def taken(call_id: str, at: int = START, account_id: AccountId = ACCOUNT) -> ChannelsTaken:
    return ChannelsTaken(
        account_id=account_id,
        at=Millis(at),
        call_id=CallId(call_id),
        direction=Direction.INBOUND,
        from_number="14155551234",
        to_number="12025550123",
        holds=(Hold(Dimension.ACCOUNT_IN, account_id), Hold(Dimension.DID, DID)),
    )


def legs_held(call_id: str, at: int, *holds: Hold) -> LegsHeld:
    return LegsHeld(account_id=ACCOUNT, at=Millis(at), call_id=CallId(call_id), holds=holds)


def answered(call_id: str, at: int = START + 2_000) -> CallAnswered:
    return CallAnswered(account_id=ACCOUNT, at=Millis(at), call_id=CallId(call_id), ts=Millis(at))


def ended(call_id: str, at: int = START + 7_000) -> CallEnded:
    return CallEnded(
        account_id=ACCOUNT,
        at=Millis(at),
        call_id=CallId(call_id),
        outcome=Outcome(
            direction=Direction.INBOUND,
            from_number="14155551234",
            to_number="12025550123",
            start_ts=START,
            ring_ts=None,
            answer_ts=Millis(START + 2_000),
            end_ts=Millis(at),
            duration_sec=(at - START) // 1000,
            billsec=(at - START - 2_000) // 1000,
            disposition=Disposition.ANSWERED,
            hangup_cause="normal_clearing",
        ),
    )


def released(call_id: str, at: int = START + 7_000) -> ChannelsReleased:
    return ChannelsReleased(
        account_id=ACCOUNT, at=Millis(at), call_id=CallId(call_id), reason=ReleaseReason.ENDED
    )


def numbered(*facts: Fact, versions: dict[str, int] | None = None) -> list[Numbered]:
    """The facts with the next version of their stream each; `versions` are those before."""
    known: dict[str, int] = {} if versions is None else versions
    found = []
    for fact in facts:
        known[fact.stream] = known.get(fact.stream, 0) + 1
        found.append(Numbered(fact.stream, known[fact.stream], fact))
    return found


def append(*facts: Fact, epochs: dict[int, int] | None = None) -> Append:
    return Append(numbered(*facts), (), epochs or {})
