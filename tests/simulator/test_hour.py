"""An hour of a contact center in some seconds, and whether the system's books are right then."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.cli.traffic import Target, run
from deploy.simulator import account
from deploy.simulator.office import office_of
from deploy.simulator.plan import Habits, Plan
from deploy.simulator.wire import CALM, Chaos
from tests.support.system import System, running

HOUR, SPEED = 3_600.0, 400.0
HABITS = Habits(rate=0.06, presses=0, patience_sec=200, talk_sec=40, arrive_sec=1)


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """One of its own: an hour leaves so many facts that others would look through them for long."""
    with running() as system:
        yield system


def _hour(system: System, chaos: Chaos, seconds: float) -> dict[str, Any]:
    document = account.made(8, wrap_up_sec=0)
    system.apply(document)
    key = system.key(document["account"]["id"])
    office = office_of(document)
    target = Target(system.edge_url, system.api_url, None, key)
    plan = Plan(1, len(office.seats), habits=HABITS)
    return asyncio.run(run(target, office, plan, SPEED, seconds, chaos, check=True))


def test_after_an_hour_the_books_are_right(system: System) -> None:
    found = _hour(system, CALM, HOUR)
    assert found["complaints"] == []
    assert found["double_assignments"] == 0
    assert found["errors"] == {}
    assert found["calls"] > 150
    assert found["answered"] > 20
    assert found["misses"] > 0
    assert found["internal"] > 0


@pytest.mark.parametrize("chaos", [Chaos(duplicates=0.3), Chaos(late=0.3)])
def test_what_comes_twice_or_late_makes_no_difference(system: System, chaos: Chaos) -> None:
    found = _hour(system, chaos, HOUR / 6)
    assert found["complaints"] == []
    assert found["sent_again"] + found["sent_late"] > 5


def test_the_command_makes_an_account_of_its_own(system: System) -> None:
    options = ("--speed", "200", "--seconds", "300", "--rate", "0.05", "--agents", "3")
    found = system.cli_json("load", "--verify", *options)
    assert found["complaints"] == []
    assert found["calls"] > 3


def test_a_configuration_that_is_not_there_is_said(system: System, tmp_path: Path) -> None:
    file = tmp_path / "office.yaml"
    file.write_text(yaml.safe_dump(account.made(1)))
    done = system.cli("load", str(file), "--seconds", "1", "--json")
    assert done.returncode == 1
    assert "no phone could be registered" in done.stderr
