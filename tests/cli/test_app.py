"""The list of commands."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from deploy.cli.app import COMMANDS, app


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_where_the_list_says_and_explains_itself(name: str) -> None:
    result = CliRunner().invoke(app, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert f"Usage: callplane {name} " in " ".join(result.output.split())


def test_an_unknown_command_is_used_wrongly() -> None:
    assert CliRunner().invoke(app, ["nonsense"]).exit_code == 2


def test_a_command_does_not_import_the_others() -> None:
    script = """
import sys
from typer.testing import CliRunner
from deploy.cli.app import app
CliRunner().invoke(app, ["trace", "--help"])
print(*sorted(name for name in sys.modules if name.startswith("deploy.cli.")))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == {"deploy.cli.app", "deploy.cli.calls", "deploy.cli.session"}
