"""The tree of accounts: what a child begins with, what is not its own to say, whose brand it wears
(spec 02, multi-tenant).

An account that is below no other is its own: nobody governs it but who runs the platform. `line`
is an account and those above it, itself first.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from domain.errors import Conflict, Fault, Forbidden
from events.resources import Account

INHERITED = ("timezone", "country", "language", "voice_gender", "currency")
"""Members that a child takes from its parent when it is made and is given none."""
GOVERNED = frozenset(
    {
        *("status", "is_reseller", "max_in", "max_out", "max_dialer"),
        *("currency", "rate_plan_id", "toll_fraud"),
    }
)
"""Members that an account below another does not set for itself."""
NAMED = 20
"""Accounts that a refusal names at most."""


class Placed(NamedTuple):
    id: str
    body: Account


def child_of(parent: Placed, members: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a new account below `parent`, which has to be an active reseller."""
    if not parent.body.is_reseller or parent.body.status != "active":
        raise Forbidden(f"{parent.id} is not an active reseller")
    inherited = {name: getattr(parent.body, name) for name in INHERITED}
    return {**inherited, **members, "parent_id": parent.id}


def check_own(line: Sequence[Placed], members: Mapping[str, Any]) -> None:
    """What the first of the line changes of itself. Raises Forbidden with a fault per member."""
    governed = sorted(GOVERNED & members.keys()) if len(line) > 1 else ()
    if governed:
        faults = [Fault(f"/{member}", "is set by the account above") for member in governed]
        raise Forbidden(f"the account above sets {', '.join(governed)}", faults)


def check_closing(below: Sequence[Placed]) -> None:
    """Whether an account with these below it may be closed."""
    if open_ones := [one.id for one in below if one.body.status != "closed"]:
        raise Conflict(f"below it are {', '.join(open_ones[:NAMED])}; close those first")


def branded(line: Sequence[Placed]) -> Placed | None:
    """The nearest of the line that has a brand; None when nobody has one."""
    return next((one for one in line if one.body.brand_name or one.body.brand_domain), None)
