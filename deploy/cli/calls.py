"""`trace` and `calls`: what became of calls."""

import asyncio
from typing import Any

import typer

from deploy.cli import Json, say, table
from deploy.cli.session import with_reader
from events.base import AccountId, CallId
from gateways import traces
from gateways.store.reader import Reader
from projections import cdr, keyset
from projections import trace as trace_view
from projections.keyset import Wanted


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
            found = await reader.query(lambda sql: traces.read(sql, CallId(call_id), None))
            steps = found.steps
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


def calls(
    account: str = typer.Option(..., "--account", help="Id of the account."),
    limit: int = typer.Option(20, min=1, max=10_000),
    json: bool = Json,
) -> None:
    """The account's calls, newest first."""

    async def work(reader: Reader) -> list[dict[str, Any]]:
        await reader.caught_up("cdr")
        wanted = Wanted(AccountId(account), {})
        page = await reader.query(
            lambda cursor: keyset.page(cursor, cdr.LISTED, wanted, None, limit)
        )
        return page.rows

    rows = with_reader(work)
    if json:
        say(rows, True)
    else:
        columns = ["call_id", "direction", "from_num", "to_num", "disposition", "billsec"]
        table(rows, columns, f"{len(rows)} call(s)")
