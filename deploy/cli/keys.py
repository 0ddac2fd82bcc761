"""`keys`: API keys, keys for diagnosis, node tokens."""

from typing import Any

import typer

from deploy.cli import Json, say, table
from deploy.cli.session import Session, with_session
from domain.errors import NotFound
from events.base import PLATFORM, AccountId
from gateways.access import SIPS_SCOPES
from gateways.store.last_used import LastUsed
from projections import directory

app = typer.Typer(help="API keys, keys for diagnosis, node tokens.", no_args_is_help=True)


@app.command()
def create(
    account: str = typer.Option("", "--account", help="Id of the account (not for a node)."),
    scopes: str = typer.Option("*", help="Comma-separated; * grants all."),
    name: str = typer.Option("cli", help="What it is for."),
    kind: str = typer.Option(
        "sk", help="sk: the public API. sips: diagnosis. node: an edge node's token."
    ),
    plan: str = typer.Option("pro", help="Of a sips key: pro or teams."),
    json: bool = Json,
) -> None:
    """Make a key. It is shown once."""

    async def work(session: Session) -> dict[str, Any]:
        owner = await _owner(session, account, kind)
        wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
        members: dict[str, Any] = {"name": name, "kind": kind, "scopes": wanted}
        if kind == "sips":
            wanted = list(SIPS_SCOPES)
            members |= {"scopes": wanted, "plan": plan}
        written = await session.provisioner.create(owner, "api_key", members, "cli")
        return {"id": written.id, **written.revealed, "account_id": owner, "scopes": wanted}

    made = with_session(work)
    say(made, json, f"{made['key']}\n(id {made['id']}; it is not shown again)")


async def _owner(session: Session, account: str, kind: str) -> AccountId:
    """Node tokens belong to the platform, whose account is made with the first of them."""
    if kind != "node":
        return AccountId(account)
    found = await session.reader.query(
        lambda cursor: directory.one(cursor, PLATFORM, "account", PLATFORM)
    )
    if found is None:
        members = {"name": "platform"}
        await session.provisioner.create(PLATFORM, "account", members, "cli", PLATFORM)
    return PLATFORM


@app.command("list")
def list_keys(
    account: str = typer.Option(..., "--account", help="Id of the account."), json: bool = Json
) -> None:
    """The account's keys, without their secrets."""

    async def work(session: Session) -> list[dict[str, Any]]:
        owner = AccountId(account)
        rows = await session.reader.query(
            lambda cursor: directory.page(cursor, [owner], "api_key", 1000)
        )
        used = await LastUsed(session.reader).of([row["id"] for row in rows])
        names = ("name", "kind", "prefix", "scopes", "status")
        return [
            {
                "id": row["id"],
                **{n: row["body"][n] for n in names},
                "last_used_at": used[row["id"]] // 1000 if row["id"] in used else None,
            }
            for row in rows
        ]

    rows = with_session(work)
    if json:
        say(rows, True)
    else:
        table(rows, ["id", "name", "kind", "prefix", "scopes", "status", "last_used_at"])


@app.command()
def revoke(key_id: str, json: bool = Json) -> None:
    """Revoke a key at once."""

    async def work(session: Session) -> dict[str, Any]:
        owner = await session.reader.query(
            lambda cursor: cursor.execute(
                "SELECT account_id FROM views.resource WHERE id = %s AND kind = 'api_key'",
                (key_id,),
            ).fetchone()
        )
        if owner is None:
            raise NotFound(f"no key {key_id}")
        patch = {"status": "revoked"}
        account_id = AccountId(owner["account_id"])
        await session.provisioner.change(account_id, "api_key", key_id, patch, "cli")
        return {"revoked": True, "id": key_id}

    say(with_session(work), json, f"{key_id} is revoked")
