"""`trace`: what became of a call."""

import shutil
from contextlib import aclosing

import orjson
import typer

from deploy.cli import Json, say
from deploy.cli.session import with_reader
from domain.errors import Fault, Invalid
from events.base import CallId
from gateways import traces
from gateways.following import Followers
from gateways.store.reader import Reader
from gateways.traces import Trace
from projections import ladder
from projections.ladder import Ladder


def trace(
    call_id: str,
    follow: bool = typer.Option(False, help="Keep showing what happens until the call is over."),
    why: bool = typer.Option(False, help="Also who was considered for it, and why not chosen."),
    json: bool = Json,
) -> None:
    """Why a call went where it went: every step, in causal order."""
    if follow and why:
        raise Invalid("not both", [Fault("/why", "is not told of a call that is followed")])
    id, width = CallId(call_id), shutil.get_terminal_size((100, 24)).columns

    async def read(reader: Reader) -> Trace:
        await reader.caught_up("trace")
        if why:
            await reader.caught_up("directory")
        ask = traces.explained if why else traces.read
        return await reader.query(lambda cursor: ask(cursor, id, None))

    if follow:
        with_reader(lambda reader: _follow(reader, id, width, json))
        return
    found = with_reader(read)
    said = ladder.text(call_id, found.steps, width) + found.note
    say(found.steps, json, said.rstrip())


async def _follow(reader: Reader, call_id: CallId, width: int, json: bool) -> None:
    follower = await Followers(reader).begin(call_id, None)
    if not json:
        print(f"call {call_id}")
    shown = Ladder(width)
    async with aclosing(follower.lines()) as lines:
        async for line in lines:
            if json:
                print(orjson.dumps(line).decode(), flush=True)
            elif "seq" in line:
                print("\n".join(shown.lines([line])), flush=True)
