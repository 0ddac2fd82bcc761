"""The floor of a contact center tried for long: more steps than anybody takes by hand (spec 05)."""

import os
import time

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from tests.domain.test_acd_machine import Floors

pytestmark = pytest.mark.chaos

STEPS = int(os.environ.get("CHAOS_STEPS", "200000"))
SECONDS = 1_500
"""At most; a machine that does not make its steps in this time is too slow for them."""
_LONG = settings(
    max_examples=100,
    stateful_step_count=200,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


class Long(Floors):
    steps = 0

    @invariant()
    def a_step_was_taken(self) -> None:
        Long.steps += 1


def test_what_must_always_hold_holds_for_long() -> None:
    """The same steps in every run: a failure names its round."""
    Long.steps, began, round = 0, time.monotonic(), 0
    while Long.steps < STEPS:
        assert time.monotonic() - began < SECONDS, f"{Long.steps} of {STEPS} steps in {SECONDS} s"
        round += 1
        machine = seed(round)(type(f"Round{round}", (Long,), {}))
        run_state_machine_as_test(machine, settings=_LONG)
