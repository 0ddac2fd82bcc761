"""What stands under the keys of a wallboard: plain functions of the state."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from domain.acd import desk as desks
from domain.acd import floor as floors
from domain.acd import line
from domain.acd.callers import ewt_of_next
from domain.acd.desk import Desk
from domain.acd.floor import Bucket, Caller
from domain.acd.reasons import Finding
from events.base import AccountId
from events.resources import Account, Queue, SipUser
from projections.agents import Row, Worked, percent
from projections.queues import mean

BUSY = [one.value for one in (Bucket.RING, Bucket.INCALL, Bucket.EXTCALL, Bucket.WRAPUP)]

Value = dict[str, Any]


def account(account_id: AccountId, body: Account, since: int) -> Value:
    return {"id": account_id, "name": body.name, "timezone": body.timezone, "since": since}


def queue(desk: Desk, id: str, body: Queue, staff: Counter[str], figures: dict[str, int]) -> Value:
    """`staff`: how many of its agents are in each bucket. A wait ticks: who shows it counts from
    `oldestSince`."""
    waiting = desk.floor.index.line.get(id, ())
    return {
        "id": id,
        "name": body.name,
        "waiting": line.size(waiting),
        "oldestSince": min((turn[1] for turn in line.values(waiting)), default=None),
        "ready": staff[Bucket.READY.value],
        "busy": sum(staff[name] for name in BUSY),
        "agents": counts(staff),
        "ewtSec": ewt_of_next(desk, id),
        "slThresholdSec": body.sl_threshold_sec,
        "slTargetPct": body.sl_target_pct,
        "alarmWaitSec": body.alarm_wait_sec,
        "alarmSlPct": body.alarm_sl_pct,
        "kpis": {name: value for name, value in figures.items() if name != "longestWaitMs"},
    }


def agent(desk: Desk, id: str, user: SipUser, bucket: Bucket, row: Row, done: Worked) -> Value:
    """`row`: that of `agent`; of `done` only the reservations are meant."""
    known = floors.agent_of(desk.floor, id)
    lease = known.talk or known.offer
    outside = min(known.external, default=None)
    places = {queue: desks.place_in(desk, id, known, queue) for queue in sorted(known.queues)}
    return {
        "id": id,
        "username": user.username,
        "name": user.display_name,
        "bucket": bucket.value,
        "since": row["since"],
        "status": known.status.value,
        "state": known.state.value,
        "reachable": floors.is_reachable(desk.floor, id),
        "reason": known.reason,
        "pending": known.deferred.event.value if known.deferred else None,
        "wrapUpUntil": known.wrap_up_until,
        "callId": outside or (lease.call_id if lease else None),
        "queueId": lease.queue_id if lease else None,
        "queues": [{"id": id, "level": place[0]} for id, place in places.items() if place],
        "answered": done.answered,
        "missed": done.missed,
    }


def caller(body: Caller) -> Value:
    return {
        "callId": body.call_id,
        "queueId": body.queue_id,
        "since": body.queued_at,
        "priority": body.priority,
        "giveUpAt": body.give_up_at,
        "ringing": sorted(body.leases),
        "isCallback": body.callback is not None,
    }


def gauges(
    figures: list[dict[str, int]],
    occupancy_pct: int,
    waiting: list[int],
    buckets: Counter[str],
) -> Value:
    """The whole center (spec 08): service level and abandon weighted by offered, ASA and AHT by
    answered, occupancy the mean of who was at work. `waiting`: since when each does."""
    total = Counter[str]()
    for one in figures:
        total.update({name: one[name] for name in _ADDED})
    return {
        "occupancyPct": occupancy_pct,
        "serviceLevelPct": percent(total["slMet"], total["offered"]),
        "asaMs": weighted(figures, "asaMs", "answered"),
        "ahtMs": weighted(figures, "ahtMs", "answered"),
        "abandonRatePct": percent(total["abandoned"], total["offered"]),
        "offered": total["offered"],
        "answered": total["answered"],
        "abandoned": total["abandoned"],
        "waiting": len(waiting),
        "oldestSince": min(waiting, default=None),
        "agents": counts(buckets),
    }


_ADDED = ("offered", "answered", "abandoned", "slMet")


def finding(body: Finding) -> Value:
    return {
        "agentId": body.agent_id,
        "reason": body.reason.value,
        "level": body.level,
        "until": body.until,
        "detail": body.detail,
    }


def weighted(figures: Iterable[dict[str, int]], member: str, weight: str) -> int:
    """The mean of a member, each as often as `weight` says."""
    pairs = [(one[member], one[weight]) for one in figures]
    return mean(sum(value * times for value, times in pairs), sum(times for _, times in pairs))


def counts(buckets: Counter[str]) -> dict[str, int]:
    return {name: buckets[name] for name in _BUCKETS}


_BUCKETS = [one.value for one in Bucket]
