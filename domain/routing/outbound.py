"""Where a call goes out: through the trunks of a route, else the platform's carrier."""

import re
from collections.abc import Iterable

from domain import capacity
from domain.capacity import Limit
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
)


def carry_out(walk: Walk) -> Directive:
    found = [candidate for candidate in _candidates(walk) if takes_calls(candidate[1])]
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


def _candidates(walk: Walk) -> Iterable[tuple[str, SipTrunk, str]]:
    """Trunk id, trunk and the number as to be dialled there, best first."""
    directory, number = walk.office.directory, walk.to_number
    trunks = directory.trunks
    matching = [r for r in directory.routes.values() if _matches(r, number)]
    matching.sort(
        key=lambda r: (r.priority, r.cost_micros_per_min or 0, -len(r.match_prefix or ""))
    )
    for route in matching:
        for id in route.trunk_ids:
            if trunk := trunks.get(id):
                yield id, trunk, route.prepend + number[route.strip_digits :]
    if not matching and (not directory.routes or walk.emergency):
        for id in sorted(trunks):
            yield id, trunks[id], number


def takes_calls(trunk: SipTrunk) -> bool:
    """Whether calls can be sent to the trunk."""
    return trunk.status == "active" and trunk.direction != "inbound" and bool(trunk.proxy)


def _matches(route: OutboundRoute, number: str) -> bool:
    if route.status != "active":
        return False
    if route.match_regex:
        return re.fullmatch(route.match_regex, number) is not None
    return number.startswith(route.match_prefix or "")


def through_trunks(walk: Walk, found: list[tuple[str, SipTrunk, str]]) -> Directive:
    """The trunks that have a channel left, in order; the first of them is held."""
    free: list[tuple[str, SipTrunk, str]] = []
    for id, trunk, number in found:
        limit = Limit(Hold(Dimension.TRUNK, id), trunk.max_channels)
        full = capacity.exhausted(walk.office.capacity, walk.ask.call_id, [limit])
        if full and not walk.emergency:
            walk.note("carrier", "full", f"{id} {full.used}/{trunk.max_channels}")
        else:
            free.append((id, trunk, number))
    if not free:
        return Reject(code=503, reason="No Trunk Available", retry_after=RETRY_AFTER)
    id, trunk, number = free[0]
    walk.need(Dimension.TRUNK, id, trunk.max_channels)
    walk.note("carrier", "trunk", " ".join(id for id, _, _ in free))
    return SendOut(
        trunk_id=id,
        gateways=tuple(_carrier(*candidate) for candidate in free),
        number=number,
        caller_id=_outbound_cid(walk, trunk),
        max_duration_sec=walk.platform.max_duration_sec,
    )


def _carrier(id: str, trunk: SipTrunk, number: str) -> Carrier:
    return Carrier(
        uri=f"sip:{number}@{trunk.proxy}",
        trunk_id=id,
        transport=trunk.transport,
        realm=trunk.realm,
        auth_username=trunk.auth_username,
        auth_secret_ref=trunk.auth_secret_ref,
        from_user=trunk.from_user,
        from_domain=trunk.from_domain,
    )


def _outbound_cid(walk: Walk, trunk: SipTrunk | None) -> str:
    """The number shown to the called party: of the user, account, trunk, or the caller's own."""
    user = walk.caller[1] if walk.caller else None
    account = walk.account
    return (
        (user.out_cid_number if user else None)
        or (account.default_cid_number if account else None)
        or (trunk.cid_number if trunk else None)
        or walk.from_number
    )
