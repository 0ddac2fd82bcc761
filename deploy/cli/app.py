"""All commands. One is imported when it is used, so that none waits for what the others need."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

COMMANDS = {
    "up": "run",
    "serve": "run",
    "worker": "run",
    "project": "run",
    "relay": "run",
    "send": "run",
    "migrate": "run",
    "rebuild": "rebuild",
    "apply": "apply",
    "diff": "apply",
    "export": "apply",
    "trace": "calls",
    "replay": "replay",
    "calls": "calls",
    "simulate": "flows",
    "listen": "listen",
    "cac": "capacity:app",
    "keys": "keys:app",
    "console-users": "console_users:app",
    "secrets": "secrets:app",
    "tts": "tts:app",
    "doctor": "doctor",
    "status": "doctor",
    "config": "doctor:config",
    "load": "traffic",
    "bench": "bench",
}
"""Command → its file, and its name there where it is another."""


class Commands(TyperGroup):
    # `Any`: Typer keeps its copy of click to itself

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        file, _, name = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(f"deploy.cli.{file}"), name or cmd_name)
        command = _group(found) if isinstance(found, typer.Typer) else _alone(found)
        command.name = cmd_name
        return command


def _group(commands: typer.Typer) -> Any:
    return typer.main.get_group(commands)


def _alone(work: Callable[..., None]) -> Any:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(work)
    return typer.main.get_command(app)


app = typer.Typer(
    name="callplane",
    help="Control plane for telephony: the brain of a cloud PBX and contact center.",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _callplane() -> None:
    """Without this, an app without commands of its own would be no group."""
