"""What is asked, and may it be asked? Policies in order; the first that answers decides."""

from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address, ip_network

from domain import dnc, numbers
from domain.directory import Directory, body_of
from domain.directory import device_id as device_of_login
from domain.routing.targets import by_hours, default_target
from domain.routing.walk import RouteRequest, Walk
from events.call import (
    Direction,
    Directive,
    Reject,
)
from events.resources import (
    Did,
    SipDevice,
    SipTrunk,
    SipUser,
)

Policy = Callable[[Walk], Directive | None]


def _identify(walk: Walk) -> Directive | None:
    """Who calls: a device whose digest was good, or a trunk, or somebody unknown."""
    ask, directory = walk.ask, walk.office.directory
    device_id = ask.device_id
    if device_id is None and ask.auth_user is not None:
        device_id = device_of_login(directory, ask.auth_user, ask.from_domain or "")
    device = body_of(directory, device_id, SipDevice)
    user = body_of(directory, device.user_id, SipUser) if device else None
    if device is not None and user is not None:
        walk.caller = (device.user_id, user)
        walk.from_number = user.username
        walk.note("identify", "device", f"{device_id} of {device.user_id}")
    elif found := _source_trunk(ask, directory):
        walk.trunk = found
        walk.note("identify", "trunk", found[0])
    else:
        walk.note("identify", "unknown", ask.src_ip or "")
    return None


def _source_trunk(ask: RouteRequest, directory: Directory) -> tuple[str, SipTrunk] | None:
    named = directory.trunks.get(ask.trunk_id or "")
    if named is not None and named.status == "active":
        return ask.trunk_id or "", named
    if ask.src_ip is not None:
        for id, trunk in directory.trunks.items():
            if trunk.status == "active" and _lies_in(ask.src_ip, trunk.inbound_ips):
                return id, trunk
    return None


@lru_cache(maxsize=65_536)
def _lies_in(address: str, networks: tuple[str, ...]) -> bool:
    try:
        source = ip_address(address)
    except ValueError:
        return False
    return any(source in ip_network(network, strict=False) for network in networks)


def _classify(walk: Walk) -> Directive | None:
    """Inbound, internal or outbound (spec 03, step 1)."""
    directory, dialled = walk.office.directory, numbers.user_part(walk.ask.to)
    if walk.account is None:
        walk.note("classify", "nothing_here", dialled)
        return Reject(code=404, reason="Not Found")
    if walk.caller is None:
        return _classify_inbound(walk, dialled)
    if numbers.is_emergency(dialled, walk.country):
        walk.direction, walk.to_number, walk.emergency = Direction.OUTBOUND, dialled, True
        walk.note("classify", "emergency", dialled)
    elif extension := directory.extensions.get(dialled):
        walk.direction, walk.to_number = Direction.INTERNAL, dialled
        walk.target = ("extension", extension)
        walk.note("classify", "internal", f"extension {extension}")
    elif user := directory.users.get(dialled):
        walk.direction, walk.to_number, walk.target = Direction.INTERNAL, dialled, ("user", user)
        walk.note("classify", "internal", f"user {user}")
    elif number := numbers.normalise(dialled, walk.country):
        walk.direction, walk.to_number = Direction.OUTBOUND, number
        walk.note("classify", "outbound", number)
    else:
        walk.note("classify", "no_number", dialled)
        return Reject(code=404, reason="Not Found")
    return None


def _classify_inbound(walk: Walk, dialled: str) -> Directive | None:
    directory = walk.office.directory
    id = directory.dids.get(dialled) or directory.dids.get(
        numbers.normalise(dialled, walk.country) or ""
    )
    did = body_of(directory, id, Did)
    if id is None or did is None or did.status == "disabled":
        walk.note("classify", "no_such_number", dialled)
        return Reject(code=404, reason="Not Found")
    walk.direction, walk.did, walk.to_number = Direction.INBOUND, (id, did), did.e164
    caller = numbers.user_part(walk.ask.from_)
    walk.from_number = numbers.normalise(caller, walk.country) or caller
    walk.vars = {"caller_cid": walk.from_number, "called_did": did.e164, **(did.dest_xform or {})}
    walk.note("classify", "inbound", id)
    walk.target = by_hours(walk, did) or (
        (did.dest_kind, did.dest_id) if did.dest_kind else default_target(walk)
    )
    return None


def standing(walk: Walk) -> Directive | None:
    """A suspended or closed account makes no calls, but for help."""
    if walk.account and walk.account.status != "active" and not walk.emergency:
        walk.note("account", walk.account.status)
        return Reject(code=403, reason="Account Suspended")
    return None


def _anonymous(walk: Walk) -> Directive | None:
    if walk.did is None or walk.did[1].allow_anonymous:
        return None
    if numbers.user_part(walk.ask.from_).lower() not in numbers.ANONYMOUS:
        return None
    walk.note("anonymous", "refused", walk.did[0])
    return Reject(code=603, reason="Anonymity Disallowed")


def do_not_call(walk: Walk) -> Directive | None:
    """Who must not be called is not called, if the account wants that of its outbound calls too."""
    if walk.direction is not Direction.OUTBOUND or walk.emergency or walk.office.dnc is None:
        return None
    if not dnc.is_listed(walk.office.dnc, walk.to_number, walk.now):
        walk.note("dnc", "clear", walk.to_number)
        return None
    walk.note("dnc", "listed", walk.to_number)
    return Reject(code=403, reason="Do Not Call")


POLICIES: tuple[Policy, ...] = (_identify, _classify, standing, _anonymous, do_not_call)
