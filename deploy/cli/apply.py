"""`apply`: configuration as code."""

from pathlib import Path
from typing import Any

import typer

from deploy.cli import Json, say, table
from deploy.cli.session import Session, with_session
from gateways import manifest
from gateways.manifest import Change


def apply(
    file: Path = typer.Option(..., "--file", "-f", exists=True, dir_okay=False, help="YAML file."),
    plan_only: bool = typer.Option(False, "--plan", help="Show what would be done, and stop."),
    json: bool = Json,
) -> None:
    """Make the configuration what a file says. Doing it twice changes nothing."""
    wished = manifest.parse(file.read_text())

    async def work(session: Session) -> dict[str, Any]:
        plan = await manifest.plan(wished, session.reader, session.vault)
        if not json:
            table([_shown(change) for change in plan], ["action", "kind", "name", "id", "members"])
        if plan_only:
            return _report(plan, {})
        revealed = {}
        for change in plan:
            by = "cli"
            done = await manifest.carry_out(wished.account_id, change, session.provisioner, by)
            if done and done.revealed:
                revealed[done.id] = done.revealed
        return _report(plan, revealed)

    report = with_session(work)
    counts = ", ".join(f"{n} {action}" for action, n in report["counts"].items())
    secrets = "".join(f"\n{id}: {shown}" for id, shown in report["revealed"].items())
    say(report, json, f"{'planned' if plan_only else 'applied'}: {counts}{secrets}")


def _report(plan: list[Change], revealed: dict[str, dict[str, str]]) -> dict[str, Any]:
    counts = {"create": 0, "change": 0, "nothing": 0}
    for change in plan:
        counts[change.action] += 1
    return {
        "counts": counts,
        "changes": [_shown(change) for change in plan],
        "revealed": revealed,
    }


def _shown(change: Change) -> dict[str, Any]:
    return {
        "action": change.action,
        "kind": change.wish.kind,
        "name": change.wish.key,
        "id": change.id,
        "members": ", ".join(change.differing),
    }
