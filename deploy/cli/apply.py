"""`apply`, `diff`, `export`: configuration as code.

`diff` exits with 0 when nothing differs, 1 when something does, 2 or more when there was trouble.
"""

import sys
from pathlib import Path
from typing import Any

import typer

from deploy import parts
from deploy.cli import Json, explained, say
from deploy.cli.plans import counted, reported, text_of
from deploy.cli.session import Session, with_session
from domain.errors import Invalid, NotFound
from domain.manifest.document import exported
from events.base import PLATFORM, AccountId
from events.resources import MediaFile
from gateways import manifest
from gateways.manifest import Manifest, Plan
from projections import directory

File = typer.Option(..., "--file", "-f", exists=True, dir_okay=False, help="YAML file.")
Prune = typer.Option(
    False, "--prune", help="Delete the rows of the file's sections that it does not name."
)


def apply(
    file: Path = File,
    prune: bool = Prune,
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask on a terminal."),
    plan_only: bool = typer.Option(False, "--plan", help="Show what would be done, and stop."),
    json: bool = Json,
) -> None:
    """Make the configuration what a file says. Doing it twice changes nothing.

    Shows the plan first. On a terminal it asks then; elsewhere it goes on."""
    text = file.read_text()
    wished = _parsed(text)

    async def work(session: Session) -> dict[str, Any]:
        plan = await _planned(text, wished, session, prune)
        if not json:
            print(text_of(plan), end="")
        if plan_only or not plan.steps:
            return reported(plan, {})
        if not yes and sys.stdin.isatty():
            typer.confirm("Apply?", abort=True, err=True)
        revealed = await manifest.carry_out(plan, session.provisioner, "cli")
        await _delete_audio(plan, session)
        return reported(plan, revealed)

    report = with_session(work)
    secrets = "".join(f"\n{id}: {shown}" for id, shown in report["revealed"].items())
    done = "planned" if plan_only else "applied"
    say(report, json, f"{done}: {counted(report['counts'])}{secrets}")


def diff(file: Path = File, prune: bool = Prune, json: bool = Json) -> None:
    """Show what applying a file would change, member by member."""

    async def work(session: Session) -> Plan:
        return await _planned(text, _parsed(text), session, prune)

    try:
        text = file.read_text()
        plan = with_session(work)
    except Exception as error:
        raise typer.Exit(max(2, explained(error))) from None
    say(reported(plan, {}), json, text_of(plan).rstrip() or "nothing differs")
    if any(change.action != "nothing" for change in plan.changes):
        raise typer.Exit(1)


def export(
    account: str = typer.Option("", "--account", help="Its id; needed if there are several."),
    output: Path | None = typer.Option(None, "--output", "-o", help="File to write."),
) -> None:
    """Write the configuration of an account as a file that `apply` takes.

    Secrets and audio are left out, which comments say."""

    async def work(session: Session) -> str:
        account_id = AccountId(account) if account else await _only_account(session)
        state = await manifest.stored(session.reader, account_id)
        if state.account is None:
            raise NotFound(f"no account {account_id}")
        return manifest.written(*exported(state))

    text = with_session(work)
    if output is None:
        print(text, end="")
    else:
        output.write_text(text)


def _parsed(text: str) -> Manifest:
    try:
        return manifest.parse(text)
    except Invalid as refusal:
        raise manifest.located(text, refusal) from None


async def _planned(text: str, wished: Manifest, session: Session, prune: bool) -> Plan:
    reader, provisioner = session.reader, session.provisioner
    try:
        return await manifest.plan(wished, reader, session.vault, provisioner, prune)
    except Invalid as refusal:
        raise manifest.located(text, refusal) from None


async def _delete_audio(plan: Plan, session: Session) -> None:
    """What the rows of media that are gone have played."""
    gone = [change.before for change in plan.changes if change.action == "delete"]
    for body in gone:
        if isinstance(body, MediaFile) and body.object_key:
            await parts.objects(session.settings).delete(body.object_key)


async def _only_account(session: Session) -> AccountId:
    await session.reader.caught_up("directory")
    found = [id for id in await session.reader.query(directory.accounts) if id != PLATFORM]
    if len(found) != 1:
        some = ", ".join(found[:20])
        raise Invalid(f"there are {len(found)} accounts, say which with --account: {some}")
    return found[0]
