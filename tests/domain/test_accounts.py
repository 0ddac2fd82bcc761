"""The tree of accounts: what a child begins with, what its parent says, whose brand it wears."""

from typing import Any

import pytest

from domain import accounts
from domain.accounts import GOVERNED, Placed
from domain.errors import Conflict, Forbidden
from events.resources import Account


def placed(id: str, **members: Any) -> Placed:
    return Placed(id, Account(name=id, **members))


RESELLER = placed("acc_1", is_reseller=1, timezone="Europe/Berlin", currency="EUR")


def test_a_child_takes_what_it_is_not_given_from_its_parent() -> None:
    born = accounts.child_of(RESELLER, {"name": "Child", "currency": "PLN"})
    assert born == {
        "name": "Child",
        "parent_id": "acc_1",
        "timezone": "Europe/Berlin",
        "country": "US",
        "language": "en-US",
        "voice_gender": "male",
        "currency": "PLN",
    }


@pytest.mark.parametrize("members", [{}, {"is_reseller": 1, "status": "suspended"}])
def test_only_an_active_reseller_has_children(members: dict[str, Any]) -> None:
    with pytest.raises(Forbidden):
        accounts.child_of(placed("acc_1", **members), {"name": "Child"})


@pytest.mark.parametrize("member", sorted(GOVERNED))
def test_what_the_account_above_sets_is_not_ones_own_to_say(member: str) -> None:
    line = [placed("acc_2"), RESELLER]
    with pytest.raises(Forbidden) as refused:
        accounts.check_own(line, {member: 1, "name": "x"})
    assert [fault.pointer for fault in refused.value.faults] == [f"/{member}"]
    accounts.check_own(line, {"name": "x"})
    accounts.check_own([RESELLER], {member: 1})


def test_an_account_is_closed_after_those_below_it() -> None:
    accounts.check_closing([placed("acc_2", status="closed")])
    with pytest.raises(Conflict, match="acc_3"):
        accounts.check_closing([placed("acc_2", status="closed"), placed("acc_3")])


def test_the_nearest_brand_is_worn() -> None:
    plain, blue = placed("acc_3"), placed("acc_2", brand_domain="blue.example")
    green = placed("acc_1", brand_name="Green")
    assert accounts.branded([plain, blue, green]) == blue
    assert accounts.branded([plain, green]) == green
    assert accounts.branded([plain]) is None
