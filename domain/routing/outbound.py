"""Where a call goes out: through the trunks of a route, else the platform's carrier."""

import re
from collections.abc import Iterable
from hashlib import blake2b
from math import log
from typing import NamedTuple

from domain import capacity, hours
from domain.capacity import Limit
from domain.directory import body_of
from domain.hours import Hours
from domain.routing.walk import RETRY_AFTER, Walk
from events.call import (
    Carrier,
    Directive,
    Reject,
    SendOut,
)
from events.capacity import Dimension, Hold
from events.resources import (
    OutboundRoute,
    SipTrunk,
    TimeSchedule,
)


class Candidate(NamedTuple):
    """A trunk that may carry the call, and how."""

    id: str
    trunk: SipTrunk
    number: str
    """As it is dialled there."""
    cid_policy: str = "user"


def carry_out(walk: Walk) -> Directive:
    found = [candidate for candidate in _candidates(walk) if takes_calls(candidate.trunk)]
    if found:
        return through_trunks(walk, found)
    if not walk.platform.wholesale:
        walk.note("carrier", "none")
        return Reject(code=404, reason="No Route To Destination")
    walk.note("carrier", "wholesale")
    return SendOut(
        trunk_id=None,
        gateways=tuple(
            Carrier(uri=f"sip:{walk.to_number}@{host}") for host in walk.platform.wholesale
        ),
        number=walk.to_number,
        caller_id=_outbound_cid(walk, None),
        max_duration_sec=walk.platform.max_duration_sec,
    )


def _candidates(walk: Walk) -> Iterable[Candidate]:
    """Best first."""
    directory, number = walk.office.directory, walk.to_number
    trunks = directory.trunks
    matching = [r for r in directory.routes.values() if _matches(r, number) and _is_open(walk, r)]
    matching.sort(
        key=lambda r: (r.priority, r.cost_micros_per_min or 0, -len(r.match_prefix or ""))
    )
    for route in matching:
        for id in _in_turn(route, walk.ask.call_id):
            if trunk := trunks.get(id):
                dialled = route.prepend + number[route.strip_digits :]
                yield Candidate(id, trunk, dialled, route.cid_policy)
    if not matching and (not directory.routes or walk.emergency):
        for id in sorted(trunks):
            yield Candidate(id, trunks[id], number)


def _in_turn(route: OutboundRoute, call_id: str) -> Iterable[str]:
    """The route's trunks in the order in which this call tries them.

    By weight: a weighted draw without replacement (Efraimidis and Spirakis 2006), whose chance is
    a hash of the call, so that the same call always draws the same.
    """
    if not route.weights:
        return route.trunk_ids

    def lot(id: str) -> float:
        drawn = int.from_bytes(blake2b(f"{call_id} {id}".encode(), digest_size=7).digest(), "big")
        return -log((drawn + 1) / 2**56) / route.weights.get(id, 1)

    return sorted(route.trunk_ids, key=lot)


def _is_open(walk: Walk, route: OutboundRoute) -> bool:
    """Whether the route is there at this hour; to an emergency call it always is."""
    if route.schedule_id is None or walk.emergency:
        return True
    schedule = body_of(walk.office.directory, route.schedule_id, TimeSchedule)
    zone = walk.account.timezone if walk.account else "UTC"
    return hours.look_up(schedule, walk.now, zone).hours is Hours.OPEN


def takes_calls(trunk: SipTrunk) -> bool:
    """Whether calls can be sent to the trunk."""
    return trunk.status == "active" and trunk.direction != "inbound" and bool(trunk.proxy)


def _matches(route: OutboundRoute, number: str) -> bool:
    if route.status != "active":
        return False
    if route.match_regex:
        return re.fullmatch(route.match_regex, number) is not None
    return number.startswith(route.match_prefix or "")


def through_trunks(walk: Walk, found: list[Candidate]) -> Directive:
    """The trunks that have a channel left, in order; the first of them is held."""
    free: list[Candidate] = []
    for candidate in found:
        id, maximum = candidate.id, candidate.trunk.max_channels
        limit = Limit(Hold(Dimension.TRUNK, id), maximum)
        full = capacity.exhausted(walk.office.capacity, walk.ask.call_id, [limit])
        if full and not walk.emergency:
            walk.note("carrier", "full", f"{id} {full.used}/{maximum}")
        else:
            free.append(candidate)
    if not free:
        return Reject(code=503, reason="No Trunk Available", retry_after=RETRY_AFTER)
    first = free[0]
    walk.need(Dimension.TRUNK, first.id, first.trunk.max_channels)
    walk.note("carrier", "trunk", " ".join(candidate.id for candidate in free))
    return SendOut(
        trunk_id=first.id,
        gateways=tuple(_carrier(candidate) for candidate in free),
        number=first.number,
        caller_id=_outbound_cid(walk, first.trunk, first.cid_policy),
        max_duration_sec=walk.platform.max_duration_sec,
    )


def _carrier(candidate: Candidate) -> Carrier:
    trunk = candidate.trunk
    return Carrier(
        uri=f"sip:{candidate.number}@{trunk.proxy}",
        trunk_id=candidate.id,
        transport=trunk.transport,
        realm=trunk.realm,
        auth_username=trunk.auth_username,
        auth_secret_ref=trunk.auth_secret_ref,
        from_user=trunk.from_user,
        from_domain=trunk.from_domain,
    )


def _outbound_cid(walk: Walk, trunk: SipTrunk | None, policy: str = "user") -> str:
    """The number shown to the called party; one that the policy does not find is the next's."""
    user = walk.caller[1] if walk.caller else None
    numbers = {
        "user": user.out_cid_number if user else None,
        "account": walk.account.default_cid_number if walk.account else None,
        "trunk": trunk.cid_number if trunk else None,
        "keep": walk.from_number,
    }
    order = list(numbers)
    allowed = order[order.index(policy) :]
    return next((number for name in allowed if (number := numbers[name])), walk.from_number)
