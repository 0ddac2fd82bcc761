"""What a minute costs: the longest prefix, full increments, exact integers, rounded once."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import rating
from domain.rating import IN, MAX_MICROS, OUT
from events.call import Charge
from events.resources import Rate, RatePlan
from tests.support.given import property_of

PLAN = RatePlan(
    name="Retail",
    currency="USD",
    rates=(
        Rate(micros_per_min=50_000),
        Rate(prefix="44", micros_per_min=12_000),
        Rate(prefix="447", micros_per_min=30_000, first_sec=30, next_sec=6, setup_micros=1_000),
        Rate(prefix="1800", direction="in", micros_per_min=9_000, first_sec=1, next_sec=1),
    ),
)
TARIFF = rating.tariff("rate_1", PLAN)
MINUTE = Rate(micros_per_min=10_000)


def _plan(*rates: Rate) -> RatePlan:
    return RatePlan(name="x", currency="EUR", rates=rates)


@pytest.mark.parametrize(
    ("first", "next", "seconds", "billed"),
    [
        (60, 60, 0, 60),
        (60, 60, 1, 60),
        (60, 60, 60, 60),
        (60, 60, 61, 120),
        (1, 1, 0, 1),
        (1, 1, 61, 61),
        (30, 6, 29, 30),
        (30, 6, 30, 30),
        (30, 6, 31, 36),
        (30, 6, 36, 36),
        (30, 6, 37, 42),
        (60, 1, 61, 61),
    ],
)
def test_time_is_paid_for_in_full_increments(
    first: int, next: int, seconds: int, billed: int
) -> None:
    rate = Rate(micros_per_min=1, first_sec=first, next_sec=next)
    assert rating.billed_sec(rate, seconds) == billed


@pytest.mark.parametrize(
    ("rate", "seconds", "micros"),
    [
        (MINUTE, 60, 10_000),
        (MINUTE, 61, 20_000),
        (MINUTE.model_copy(update={"setup_micros": 7}), 0, 10_007),
        (Rate(micros_per_min=10_000, first_sec=1, next_sec=1), 1, 167),
        (Rate(micros_per_min=1, first_sec=1, next_sec=1), 1, 1),
        (Rate(micros_per_min=0), 3_600, 0),
    ],
    ids=["minute", "begun", "setup", "rounded up", "least", "free"],
)
def test_what_it_comes_to(rate: Rate, seconds: int, micros: int) -> None:
    assert rating.cost_micros(rate, seconds) == micros


def test_a_charge_says_which_rate_and_what_is_paid_for() -> None:
    assert rating.charge(TARIFF, OUT, "447911123456", 31) == Charge(
        rate_id="rate_1:out:447", number="447911123456", billed_sec=36, cost_micros=19_000
    )
    assert rating.charge(TARIFF, OUT, "4420", 60) == Charge(
        rate_id="rate_1:out:44", number="4420", billed_sec=60, cost_micros=12_000
    )
    assert rating.charge(TARIFF, OUT, "33", 1) == Charge(
        rate_id="rate_1:out:", number="33", billed_sec=60, cost_micros=50_000
    )


def test_what_was_not_answered_costs_nothing_not_even_its_setup() -> None:
    assert rating.charge(TARIFF, OUT, "447911123456", None) == Charge(
        rate_id="rate_1:out:447", number="447911123456", billed_sec=0, cost_micros=0
    )


def test_there_is_no_rate_but_those_of_the_direction() -> None:
    assert rating.charge(TARIFF, IN, "12025550123", 1) is None
    toll_free = rating.charge(TARIFF, IN, "18005550123", 1)
    assert toll_free is not None
    assert (toll_free.rate_id, toll_free.cost_micros) == ("rate_1:in:1800", 150)


def test_a_call_costs_what_its_parts_cost_and_is_known_by_the_dearest() -> None:
    def part(rate_id: str, cost: int) -> Charge:
        return Charge(rate_id=rate_id, number="1", billed_sec=1, cost_micros=cost)

    assert rating.total([part("a", 1), part("b", 3), part("c", 3)]) == (7, "b")
    most = [part("a", MAX_MICROS), part("b", 1)]
    assert rating.total(most) == (MAX_MICROS, "a")


_RATES = st.builds(
    Rate,
    micros_per_min=st.integers(0, 10**11),
    first_sec=st.integers(1, 3_600),
    next_sec=st.integers(1, 3_600),
    setup_micros=st.integers(0, 10**11),
)
_SECONDS = st.integers(0, 4_200_000_000)


@property_of(examples=300)
@given(_RATES, _SECONDS)
def test_never_less_than_exact_and_never_more_than_an_increment_and_a_millionth(
    rate: Rate, seconds: int
) -> None:
    cost = rating.cost_micros(rate, seconds)
    exact = rate.setup_micros + Fraction(seconds * rate.micros_per_min, 60)
    over = max(rate.first_sec, rate.next_sec)
    most = rate.setup_micros + Fraction((seconds + over) * rate.micros_per_min, 60) + 1
    assert type(cost) is int
    assert exact <= cost < most


@property_of(examples=300)
@given(_RATES, _SECONDS, st.integers(0, 10_000))
def test_longer_is_never_cheaper(rate: Rate, seconds: int, more: int) -> None:
    assert rating.cost_micros(rate, seconds) <= rating.cost_micros(rate, seconds + more)


@property_of(examples=300)
@given(_RATES, _SECONDS)
def test_billed_is_the_least_time_in_full_increments(rate: Rate, seconds: int) -> None:
    billed = rating.billed_sec(rate, seconds)
    beyond, part = divmod(billed - rate.first_sec, rate.next_sec)
    assert billed >= seconds
    assert (beyond >= 0, part) == (True, 0)
    assert billed == rate.first_sec or billed - rate.next_sec < seconds


@property_of(examples=300)
@given(_RATES, st.integers(0, 10**15), st.integers(1, 30))
def test_it_fits_into_a_column_whatever_an_edge_says(rate: Rate, seconds: int, legs: int) -> None:
    found = rating.charge(rating.tariff("r", _plan(rate)), OUT, "1", seconds)
    assert found is not None
    assert found.cost_micros < 2**63
    assert rating.total([found] * legs).cost_micros < 2**63


@property_of(examples=300)
@given(
    st.sets(st.tuples(st.sampled_from((OUT, IN)), st.text("123", max_size=5)), max_size=30),
    st.text("123", max_size=7),
)
def test_the_longest_prefix_is_what_looking_at_all_of_them_finds(
    known: set[tuple[str, str]], number: str
) -> None:
    rates = [Rate(direction=way, prefix=prefix, micros_per_min=1) for way, prefix in known]
    tariff = rating.tariff("r", _plan(*rates))
    for way in (OUT, IN):
        all_of_them = [r for r in rates if r.direction == way and number.startswith(r.prefix)]
        longest = max(all_of_them, key=lambda rate: len(rate.prefix), default=None)
        assert rating.rate_for(tariff, way, number) == longest
