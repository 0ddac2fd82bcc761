"""`bench`: figures, each with its limit in the same run."""

from collections.abc import Awaitable, Callable

import orjson
import typer
import uvloop

from deploy.bench import acd, bus, http, lists, scale, shift, store, views, wallboard, webhooks
from deploy.bench.report import Report
from deploy.cli import Json, table

BENCHES: dict[str, Callable[[int, float], Awaitable[Report]]] = {
    "route": http.route,
    "auth": http.auth,
    "flow": http.flow,
    "command": bus.command,
    "append": store.append,
    "project": views.project,
    "rebuild": views.rebuild,
    "acd": acd.acd,
    "scale": scale.scale,
    "webhooks": webhooks.webhooks,
    "lists": lists.lists,
    "wallboard": wallboard.wallboard,
}


def bench(
    name: str = typer.Argument(..., help=f"{', '.join(BENCHES)}, or all."),
    runs: int = typer.Option(5, min=1, max=100, help="Runs of each, ours and limit in turn."),
    seconds: float = typer.Option(3.0, min=0.2, max=60, help="Length of a run."),
    real_time: bool = typer.Option(
        False, help="acd only: against running services, a line per point; one run."
    ),
    quick: bool = typer.Option(False, help="In real time: ten seconds a point, not a minute."),
    json: bool = Json,
) -> None:
    """Measure on a system of its own, on loopback."""
    if real_time and name != "acd":
        raise typer.BadParameter("only acd has a mode in real time")
    if name != "all" and name not in BENCHES:
        raise typer.BadParameter(f"no bench {name}: {', '.join(BENCHES)} or all")
    if real_time:
        uvloop.run(_in_real_time(10.0 if quick else 60.0, json))
        return
    for one in BENCHES if name == "all" else [name]:
        _show(uvloop.run(_measured(BENCHES[one], runs, seconds)), json)


def _show(report: Report, json: bool) -> None:
    if json:
        print(orjson.dumps(report.as_dict()).decode(), flush=True)
    else:
        columns = ["what", "ours", "limit", "ratio", "p50_ms", "p99_ms", "spread"]
        table(report.as_rows(), columns, f"{report.runs} runs, {report.machine}")


async def _in_real_time(seconds: float, json: bool) -> None:
    async for report in shift.live(seconds):
        _show(report, json)


async def _measured(
    measure: Callable[[int, float], Awaitable[Report]], runs: int, seconds: float
) -> Report:
    return await measure(runs, seconds)
