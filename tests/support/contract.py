"""The tools that hold the API to its document; they live in an environment of their own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TOOLS = Path(sys.prefix) / "contract" / "bin"


def tool(
    *arguments: str | Path,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    patience: float = 300,
) -> str:
    """Run one of them to its end; what it prints. Its failure is the test's."""
    program, *rest = map(str, arguments)
    done = subprocess.run(
        [TOOLS / program, *rest],
        cwd=cwd,
        env={**_environment(), **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=patience,
    )
    assert done.returncode == 0, f"{' '.join([program, *rest])}\n{done.stdout}"
    return done.stdout


def _environment() -> dict[str, Any]:
    """Without what would lead them into this one; Node looks for itself in the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"}
