"""What a call costs (spec 02, rate_plan): the longest prefix, full increments, exact integers.

An answered call pays its setup and the time of it, in full increments; it is rounded once, in
`cost_micros`, up to the next millionth. What was not answered costs nothing.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from events.call import Charge
from events.resources import Rate, RatePlan

OUT, IN = "out", "in"
MAX_MICROS = 2**63 - 1
"""What a column holds: nothing costs more, whatever an edge says how long it was."""


class Tariff(NamedTuple):
    """A rate plan as calls are rated by it."""

    plan_id: str
    currency: str
    rates: Mapping[tuple[str, str], Rate]
    """By direction and prefix."""


class Sum(NamedTuple):
    """What all parts of a call cost together."""

    cost_micros: int
    rate_id: str
    """That of the dearest part."""


def tariff(plan_id: str, plan: RatePlan) -> Tariff:
    rates = {(rate.direction, rate.prefix): rate for rate in plan.rates}
    return Tariff(plan_id, plan.currency, rates)


def rate_for(tariff: Tariff, direction: str, number: str) -> Rate | None:
    """The rate with the longest prefix of `number` (E.164 digits)."""
    for length in range(len(number), -1, -1):
        if rate := tariff.rates.get((direction, number[:length])):
            return rate
    return None


def billed_sec(rate: Rate, seconds: int) -> int:
    """Full increments that have room for `seconds` of an answered call."""
    beyond = max(0, seconds - rate.first_sec)
    return rate.first_sec + -(-beyond // rate.next_sec) * rate.next_sec


def cost_micros(rate: Rate, seconds: int) -> int:
    """Of an answered call. The only place where it is rounded: up, to a whole millionth."""
    for_time = -(-billed_sec(rate, seconds) * rate.micros_per_min // 60)
    return min(MAX_MICROS, rate.setup_micros + for_time)


def charge(tariff: Tariff, direction: str, number: str, seconds: int | None) -> Charge | None:
    """Of a part of a call that was answered for `seconds` (None: it was not); None where no rate is
    for it."""
    rate = rate_for(tariff, direction, number)
    if rate is None:
        return None
    return Charge(
        rate_id=f"{tariff.plan_id}:{direction}:{rate.prefix}",
        number=number,
        billed_sec=0 if seconds is None else billed_sec(rate, seconds),
        cost_micros=0 if seconds is None else cost_micros(rate, seconds),
    )


def total(charges: Sequence[Charge]) -> Sum:
    """Of at least one part."""
    dearest = max(charges, key=lambda one: one.cost_micros)
    return Sum(min(MAX_MICROS, sum(one.cost_micros for one in charges)), dearest.rate_id)
