"""`console-users`: who logs in to the console; the first owner of an account is made here."""

import sys
from typing import Any

import typer

from deploy.cli import Json, say, table
from deploy.cli.session import Session, with_session
from events.base import AccountId
from projections import directory

app = typer.Typer(help="People who log in with e-mail and password.", no_args_is_help=True)


@app.command()
def create(
    account: str = typer.Option(..., "--account", help="Id of the account."),
    email: str = typer.Option(..., help="What he logs in with."),
    role: str = typer.Option("owner", help="owner, admin, supervisor, analyst or agent."),
    name: str = typer.Option("", help="How he is called."),
    json: bool = Json,
) -> None:
    """Make a console user. The password is asked for, or the first line of standard input."""
    password = _password()

    async def work(session: Session) -> dict[str, Any]:
        members = {"email": email, "name": name, "role": role, "password": password}
        owner = AccountId(account)
        written = await session.provisioner.create(owner, "console_user", members, "cli")
        return {"id": written.id, "account_id": owner, "email": email.lower(), "role": role}

    made = with_session(work)
    say(made, json, f"{made['email']} may log in as {role} (id {made['id']})")


def _password() -> str:
    """Never an argument: those are seen by everybody on the machine."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


@app.command("list")
def list_users(
    account: str = typer.Option(..., "--account", help="Id of the account."), json: bool = Json
) -> None:
    """The account's console users."""

    async def work(session: Session) -> list[dict[str, Any]]:
        owner = AccountId(account)
        rows = await session.reader.query(
            lambda cursor: directory.page(cursor, [owner], "console_user", 1000)
        )
        names = ("email", "name", "role", "status", "totp")
        return [{"id": row["id"], **{n: row["body"][n] for n in names}} for row in rows]

    rows = with_session(work)
    if json:
        say(rows, True)
    else:
        table(rows, ["id", "email", "name", "role", "status", "totp"])
