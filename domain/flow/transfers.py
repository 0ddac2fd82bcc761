"""The flow of a call that is transferred. Its name says everything: who, whom to, what that is.

``transfer:us_1:queue:q_1``. It is made when it is looked at; a `Transfer` has four places to be:

    consult   who transfers talks with the target, the caller is on hold (`nodes/consult.py`)
    target    the caller is dialled through, or waits in the queue
    handed    the same, after a consultation that was not answered yet
    recall    nobody has taken him: back to who transferred
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from domain import numbers
from domain.directory import Directory, body_of
from domain.flow.graph import Graph
from domain.flow.run import CONSULT as CONSULT
from domain.flow.run import HANDED as HANDED
from domain.flow.run import RECALL as RECALL
from domain.flow.run import TARGET as TARGET
from domain.flow.run import TRANSFER, all_of
from events.flow import Frame
from events.resources import FlowNode, SipUser

TIMEOUT_SEC = 25
"""How long a number rings; a user says that himself."""
FAILED = ("no_answer", "busy", "failed", "no_agents")


class Transfer(NamedTuple):
    user_id: str
    """Who transfers the call."""
    kind: str
    """user, agent, extension, number or queue."""
    id: str

    @property
    def name(self) -> str:
        return TRANSFER + ":".join(self)


def read(flow_id: str) -> Transfer | None:
    """The transfer behind the name of a flow."""
    parts = flow_id.removeprefix(TRANSFER).split(":", 2)
    return Transfer(*parts) if flow_id.startswith(TRANSFER) and len(parts) == 3 else None


def of(frame: Frame | None) -> Transfer | None:
    """The transfer that a call is in."""
    return read(frame.flow_id) if frame else None


def users_in(frames: Iterable[Frame]) -> set[str]:
    """The users who are rung, or talk, because a call is transferred."""
    ours = (frame for frame in all_of(frames) if frame.flow_id.startswith(TRANSFER))
    return {id for frame in ours for id in frame.users}


def may_hand_over(directory: Directory, transfer: Transfer | None) -> bool:
    """Whether this user may leave a caller to this target without having spoken with it."""
    if transfer is None or transfer.kind != "number" or directory.account is None:
        return True
    user = body_of(directory, transfer.user_id, SipUser)
    may = user is not None and bool(user.allow_pstn_blind_transfer)
    return may or numbers.is_emergency(transfer.id, directory.account.country)


def graph_of(directory: Directory, transfer: Transfer) -> Graph:
    target, recall = _target(directory, transfer), _dial(directory, transfer, "user", None)
    data = {CONSULT: _consult(target), TARGET: target, HANDED: target, RECALL: recall}
    nodes = {id: FlowNode(id=id, type=one["kind"], data=one) for id, one in data.items()}
    back = dict.fromkeys(_failures(directory, transfer), RECALL)
    after = {HANDED: HANDED, RECALL: RECALL}
    return Graph(TARGET, nodes, {CONSULT: after, TARGET: back, HANDED: back})


def _failures(directory: Directory, transfer: Transfer) -> Iterable[str]:
    """Outcomes that bring the caller back. A user who has said where his calls go then is asked
    for no more; that he has a mailbox says nothing."""
    user = body_of(directory, transfer.id, SipUser) if transfer.kind == "user" else None
    for outcome in FAILED:
        away = {"busy": user.fwd_busy_kind, "no_answer": user.fwd_noanswer_kind} if user else {}
        if away.get(outcome) is None:
            yield outcome


def _target(directory: Directory, transfer: Transfer) -> dict[str, Any]:
    if transfer.kind == "queue":
        return {"kind": "handOverToQueue", "queueId": transfer.id}
    return _dial(directory, transfer, transfer.kind, transfer.id)


def _dial(directory: Directory, transfer: Transfer, kind: str, id: str | None) -> dict[str, Any]:
    """`id` None: who transfers."""
    user = body_of(directory, id or transfer.user_id, SipUser)
    return {
        "kind": "handOver",
        "target": kind,
        "id": _dialled(directory, kind, id or transfer.user_id),
        "timeoutSec": user.ring_timeout_sec if user else TIMEOUT_SEC,
        "fromUserId": transfer.user_id,
    }


def _dialled(directory: Directory, kind: str, id: str) -> str:
    """A number is E.164, and not to be read as a national one; one for help stays as it is."""
    country = directory.account.country if directory.account else "US"
    return id if kind != "number" or numbers.is_emergency(id, country) else f"+{id}"


def _consult(target: dict[str, Any]) -> dict[str, Any]:
    return {**target, "kind": "consult"}
