"""`cac`: channels in use."""

import time
from typing import Any

import typer

from commands.capacity import ResetCapacity
from deploy.cli import Json, say, table
from deploy.cli.session import Session, with_reader, with_session
from domain.errors import NotFound
from events.base import AccountId
from gateways.http.control.app import usage
from gateways.store.reader import Reader
from projections import channels, directory

app = typer.Typer(help="Channels in use (concurrency control).", no_args_is_help=True)

Account = typer.Option(..., "--account", help="Id of the account.")


@app.command()
def show(account: str = Account, json: bool = Json) -> None:
    """Counters and open calls of an account."""

    async def work(reader: Reader) -> dict[str, Any]:
        account_id = AccountId(account)
        await reader.caught_up("channels")
        rows = await reader.query(lambda cursor: directory.rows_of_account(cursor, account_id))
        if not rows:
            raise NotFound(f"no account {account}")
        calls = await reader.query(lambda cursor: channels.open_calls(cursor, account_id))
        now = int(time.time() * 1000)
        counted = await reader.query(lambda cursor: channels.windows(cursor, account_id, now))
        return usage(account_id, calls, rows, counted)

    found = with_reader(work)
    if json:
        say(found, True)
    else:
        table(found["counters"], ["dimension", "id", "used", "limit"])
        if found["windows"]:
            table(found["windows"], ["limit_id", "scope_id", "used", "max", "resets_at"])
        columns = ["callId", "direction", "from", "to", "state"]
        table(found["calls"], columns, f"{len(found['calls'])} open call(s)")


@app.command()
def reset(
    account: str = Account,
    force: bool = typer.Option(False, help="Release what live calls hold, too."),
    json: bool = Json,
) -> None:
    """Release channels that are held by calls that are over."""

    async def work(session: Session) -> dict[str, Any]:
        command = ResetCapacity(account_id=AccountId(account), force=force)
        return (await session.commander.ask(command)).body

    done = with_session(work)
    say(done, json, f"{done['released']} call(s) released")
