"""`rebuild`: read models made again from the first fact."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy import runfile
from deploy.cli import Json, say, table
from deploy.settings import load
from domain.errors import NotFound
from gateways.store import rebuild as models
from gateways.store.rebuild import Rebuilt
from projections.base import Projection
from projections.catalogue import CATALOGUE


def rebuild(
    name: str = typer.Argument(..., help="A read model, or all."), json: bool = Json
) -> None:
    """Make a read model again from the first fact, beside the live one, and swap it in.

    Readers and services go on. Exits with 1 when a model came out other than it was.
    """
    settings, _ = load()
    chosen = [kind for kind in CATALOGUE if name in (kind.name, "all")]
    if not chosen:
        raise NotFound(f"no read model {name}: {', '.join(kind.name for kind in CATALOGUE)}")
    with _bar(not json) as bar:
        done = _rebuilt(runfile.servers(settings).database_url, chosen, bar)
    if json:
        say([one._asdict() for one in done], True)
    else:
        words = {True: "the same", False: "other than it was", None: "not compared"}
        rows = [{**one._asdict(), "result": words[one.same]} for one in done]
        table(rows, ["name", "rows", "result"])
    raise typer.Exit(1 if any(one.same is False for one in done) else 0)


def _rebuilt(url: str, chosen: Sequence[type[Projection]], bar: Progress) -> list[Rebuilt]:
    task = bar.add_task("folding", total=None)

    def show(progress: models.Progress) -> None:
        bar.update(task, completed=progress.reached, total=progress.target)

    return models.rebuild(url, chosen, show)


@contextmanager
def _bar(is_shown: bool) -> Iterator[Progress]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeRemainingColumn(), disable=not is_shown) as bar:
        yield bar
