"""`simulate`: what a call would hear in a flow."""

from datetime import datetime
from typing import Any

import typer

from deploy.cli import Json, say
from deploy.cli.session import Session, with_session
from domain.errors import Fault, Invalid, NotFound
from gateways.simulation import simulate as simulated
from projections import directory


def simulate(
    flow: str = typer.Argument(..., help="Id of the flow."),
    outcome: list[str] = typer.Option([], help="What the engine reports: digit:1, done …"),
    variable: list[str] = typer.Option([], "--var", help="name=value, at the start."),
    version: int | None = typer.Option(None, help="A published version; else the draft."),
    at: str | None = typer.Option(None, help="ISO 8601; else now."),
    from_call: str | None = typer.Option(None, help="Take what is not given from this call."),
    json: bool = Json,
) -> None:
    """What a call would hear. Nothing is recorded."""
    wish: dict[str, Any] = {}
    if outcome:
        wish["outcomes"] = [{"outcome": one} for one in outcome]
    if variable:
        wish["vars"] = dict(_pair(one) for one in variable)
    if version is not None:
        wish["version"] = version
    if at is not None:
        wish["at"] = moment(at)

    async def work(session: Session) -> dict[str, Any]:
        account_id = await session.reader.query(lambda cursor: directory.owner_of(cursor, flow))
        if account_id is None:
            raise NotFound(f"no flow {flow}")
        return await simulated(session.commander, session.reader, account_id, flow, wish, from_call)

    found = with_session(work)
    say(found, json, _text(found))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Invalid("a variable is name=value", [Fault("/vars", f"{text} has no =")])
    return name, value


def moment(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except ValueError:
        raise Invalid("no such moment", [Fault("/at", f"{text} is not ISO 8601")]) from None


def _text(found: dict[str, Any]) -> str:
    lines = [f"{found['flow_id']} v{found['version']}"]
    for step in found["steps"]:
        lines.append(f"{step['seq']:3} {step['outcome'] or ''}")
        for visited in step["path"]:
            passed = f"{visited['kind']} {visited['node_id']}".strip()
            lines.append(f"      {passed}: {visited['outcome']} {visited['note']}".rstrip(" :"))
        members = {name: value for name, value in step["command"].items() if name != "command"}
        lines.append(f"    → {step['command']['command']} {members}")
    lines += [f"    {name} = {value}" for name, value in found["variables"].items()]
    lines += [f"warning: {one['pointer']} {one['detail']}" for one in found["warnings"]]
    lines.append("ended" if found["ended"] else "waits for the next outcome")
    return "\n".join(lines)
