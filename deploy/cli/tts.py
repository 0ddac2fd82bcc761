"""`tts`: the system's prompts."""

import asyncio
from typing import Any

import typer

from deploy import parts
from deploy.cli import Json, say, table
from deploy.settings import load
from gateways.speech import prompts

app = typer.Typer(help="What the system says.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """What the system says."""


@app.command()
def generate(
    lang: str = typer.Option("", "--lang", help="en-US, es-ES …; all when not given."),
    gender: str = typer.Option("", "--gender", help="male or female; both when not given."),
    force: bool = typer.Option(False, "--force", help="Also what exists already."),
    json: bool = Json,
) -> None:
    """Render the system's prompts into the object store. Exit code 1 when some are missing then."""
    wish = prompts.wish(lang or None, gender or None, str(int(force)))

    done = asyncio.run(_generate(wish))
    if json:
        say(done, True)
    else:
        table(done["results"], ["key", "status", "durationMs", "detail"])
        print("{generated} generated, {skipped} were there, {failed} failed".format(**done))
    if not done["ok"]:
        raise typer.Exit(1)


async def _generate(wish: prompts.Wish) -> dict[str, Any]:
    """With the voice and the store that are set; nothing else has to run."""
    settings, _ = load()
    async with parts.speaking(settings) as voice:
        return await prompts.generate(voice, parts.objects(settings), wish)
