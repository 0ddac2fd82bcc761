"""`trace`: what became of a call."""

import asyncio
from typing import Any

import typer

from deploy.cli import Json, say
from deploy.cli.session import with_reader
from domain.errors import NotFound
from events.base import CallId
from gateways.http.traces import read_facts
from gateways.store.reader import Reader
from projections import trace as trace_view


def trace(
    call_id: str,
    follow: bool = typer.Option(False, help="Keep showing what happens until the call ends."),
    json: bool = Json,
) -> None:
    """Why a call went where it went: every step, in causal order."""

    async def work(reader: Reader) -> list[dict[str, Any]]:
        shown = 0
        while True:
            await reader.caught_up("trace")
            facts = await reader.query(lambda cursor: read_facts(cursor, CallId(call_id)))
            steps = trace_view.steps(facts)
            if not steps and not follow:
                raise NotFound(f"no call {call_id}")
            if not follow:
                return steps
            for line in trace_view.ladder(call_id, steps).splitlines()[shown + (shown > 0) :]:
                print(line)
            shown = len(steps)
            if any(step["event"] == "call.ended.v1" for step in steps):
                return steps
            await asyncio.sleep(0.2)

    steps = with_reader(work)
    if not follow:
        say(steps, json, trace_view.ladder(call_id, steps).rstrip())
