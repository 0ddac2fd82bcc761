"""The engine of `make up` talks to POST /flow as a real one would."""

import asyncio
import random
from typing import Any

import aiohttp
import pytest

from deploy.engine import SimulatedEngine
from tests.domain.flows import graph, node
from tests.http.test_flow import Engine, account_with
from tests.support.system import System

PARTS = (
    node("m", "menu", promptText="Press 1", maxDigits=1, timeoutSec=5),
    node("s", "say", text="Hello"),
    node("bye", "hangup"),
    "m -digit:1> s",
    "m -timeout> s",
    "m -invalid> s",
    "s > bye",
)


async def _walked(engine: Engine, patience: float, failures: int = 0) -> str:
    """Who hung up. The first `failures` requests reach the service, but their answers are lost."""
    left = failures

    async def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
        nonlocal left
        async with http.post(path, json=body) as answer:
            found: dict[str, Any] = await answer.json(content_type=None)
        if left > 0:
            left -= 1
            raise aiohttp.ClientError("the answer was lost")
        return found

    async def pause(_: float) -> None:
        return

    async with aiohttp.ClientSession(engine.system.edge_url) as http:
        simulated = SimulatedEngine(post, random.Random(1), pause, patience)
        return await simulated.run(engine.call_id, engine.routed["flow_id"])


def _commands(engine: Engine) -> list[str]:
    return [step["outcome"] for step in engine.steps if "seq" in step["detail"]]


@pytest.mark.parametrize("failures", [0, 3])
def test_a_patient_caller_is_walked_to_the_end(system: System, failures: int) -> None:
    engine = Engine(system, account_with(system, *PARTS))
    assert asyncio.run(_walked(engine, 1_000, failures)) == "callee"
    commands = _commands(engine)
    assert (commands[0], commands[-2:]) == ("gather", ["play", "hangup"])
    assert engine.facts == len(commands), "what was asked again was done once"


def test_an_impatient_caller_hangs_up(system: System) -> None:
    engine = Engine(system, account_with(system, *PARTS))
    assert asyncio.run(_walked(engine, 0.1)) == "caller"
    assert _commands(engine) == ["gather", "hangup"]


def test_a_call_that_is_over_is_hung_up(system: System) -> None:
    engine = Engine(system, account_with(system, *PARTS))
    system.report(engine.call_id, "end")
    assert asyncio.run(_walked(engine, 1_000)) == "callee"


def test_a_call_is_walked_through_any_flow(system: System) -> None:
    drawn = graph(node("r", "record", maxSec=9, variable="x"), PARTS[0], "r > m")
    engine = Engine(system, account_with(system, *drawn["nodes"], "r > m"))
    assert asyncio.run(_walked(engine, 1_000)) == "callee"
