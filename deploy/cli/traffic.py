"""`load`: simulated callers and agents against an edge, and whether its books are right."""

import sys
from pathlib import Path
from typing import Any, NamedTuple

import typer
import uvloop
import yaml

from deploy.cli import Json, say
from deploy.cli.session import Session, with_session
from deploy.settings import load as load_settings
from deploy.simulator import account, verify, wire
from deploy.simulator.clock import Clock
from deploy.simulator.edge import SimulatedEdge
from deploy.simulator.office import Office, office_of
from deploy.simulator.plan import Habits, Plan
from deploy.simulator.tally import Tally
from deploy.simulator.wire import Chaos
from gateways import manifest

WRAP_UP_SEC = 5


class Target(NamedTuple):
    url: str
    api_url: str
    token: str | None
    key: str | None


def load(
    file: Path | None = typer.Argument(
        None, help="Configuration that is there already; without it, an account of its own is made."
    ),
    url: str | None = typer.Option(None, help="Edge; without it, the one of the settings."),
    api_url: str | None = typer.Option(None, help="Public API, to compare figures."),
    token: str | None = typer.Option(None, envvar="CALLPLANE_NODE_TOKEN", help="Node token."),
    key: str | None = typer.Option(None, envvar="CALLPLANE_API_KEY", help="Key of the account."),
    seed: int = typer.Option(1, help="The same seed is the same plan."),
    rate: float = typer.Option(1.0, min=0.001, max=1000, help="Calls per simulated second."),
    agents: int = typer.Option(10, min=1, max=2000, help="Of an account of its own."),
    speed: float = typer.Option(1.0, min=0.1, max=1000, help="How much faster than our time."),
    seconds: float = typer.Option(60.0, min=1, max=10**6, help="Simulated seconds."),
    duplicates: float = typer.Option(0.0, min=0, max=1, help="Share of requests sent twice."),
    late: float = typer.Option(0.0, min=0, max=1, help="Share of reports that come late."),
    check: bool = typer.Option(False, "--verify", help="Compare the system's books with ours."),
    json: bool = Json,
) -> None:
    """Let simulated callers call and simulated agents answer, and say how it went."""
    settings, _ = load_settings()
    document = yaml.safe_load(file.read_text()) if file else _own(agents, speed)
    if file is None:
        key = with_session(lambda session: _prepare(session, document))
    target = Target(
        url or f"http://{settings.bind}:{settings.edge_port}",
        api_url or f"http://{settings.bind}:{settings.api_port}",
        token,
        key,
    )
    office = office_of(document)
    plan = Plan(seed, len(office.seats), (1.0,) * len(office.numbers), Habits(rate=rate))
    chaos = Chaos(duplicates, late)
    found = uvloop.run(run(target, office, plan, speed, seconds, chaos, check))
    say(found, json, "\n".join(f"{name:>20}  {value}" for name, value in found.items()))
    if found.get("complaints"):
        sys.exit(1)


async def run(
    target: Target,
    office: Office,
    plan: Plan,
    speed: float,
    seconds: float,
    chaos: Chaos,
    check: bool,
) -> dict[str, Any]:
    """The summary; with `complaints` if they are asked for."""
    tally = Tally(keeps_fates=check)
    async with wire.connected(target.url, Clock(speed), tally, chaos, target.token) as connected:
        await SimulatedEdge(connected, office, plan).run(seconds)
        summary = tally.summary()
        if check:
            summary["complaints"] = await verify.complaints(connected, office)
            if target.key is not None:
                await verify.figures(target.api_url, target.key, summary["complaints"])
    return summary


def _own(agents: int, speed: float) -> dict[str, Any]:
    """An account of its own. The system's clock is ours: what it times itself has to be shorter."""
    return account.made(agents, wrap_up_sec=round(WRAP_UP_SEC / speed))


async def _prepare(session: Session, document: dict[str, Any]) -> str:
    """Make the account; a key of it."""
    wished = manifest.parse(yaml.safe_dump(document))
    reader, provisioner = session.reader, session.provisioner
    await manifest.apply(wished, reader, session.vault, provisioner, "load")
    members = {"name": "load", "kind": "sk", "scopes": ["*"]}
    made = await session.provisioner.create(wished.account_id, "api_key", members, "load")
    return made.revealed["key"]
