"""A client in Python and one in TypeScript: generated, type-checked with a program that uses it,
and run."""

import shutil
from pathlib import Path

import pytest

from tests.contract.tenant import Tenant, tenant
from tests.support.contract import tool
from tests.support.system import System

pytestmark = [pytest.mark.contract, pytest.mark.timeout(900)]
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def caller(system: System) -> Tenant:
    return tenant(system)


@pytest.fixture
def document(system: System, tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_bytes(system.api.get("/v1/openapi.json").content)
    return path


def test_python(system: System, caller: Tenant, document: Path, tmp_path: Path) -> None:
    source = HERE / "python"
    generate: list[str | Path] = [
        "openapi-python-client",
        "generate",
        "--path",
        document,
        "--meta",
        "none",
    ]
    generate += ["--config", source / "config.yaml", "--output-path", tmp_path / "callplane_client"]
    tool(*generate, "--fail-on-warning", cwd=tmp_path)
    program = shutil.copy(source / "program.py", tmp_path)
    # the generated files are not ours to be strict with
    tool("mypy", "--strict", "--follow-imports", "silent", program, cwd=tmp_path)
    tool("python", program, system.api_url, caller.own_key, cwd=tmp_path)


def test_typescript(system: System, caller: Tenant, document: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(HERE / "typescript", tmp_path / "typescript")
    tool("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
    types: list[str | Path] = ["openapi-typescript", document, "--output", "api.ts"]
    # a member with a default need not be sent
    tool("npx", "--no", "--", *types, "--default-non-nullable", "false", cwd=folder)
    tool("npx", "--no", "--", "tsc", "--project", ".", cwd=folder)
    tool("node", "program.ts", system.api_url, caller.own_key, cwd=folder)


def test_the_lock_names_no_registry() -> None:
    assert '"resolved"' not in (HERE / "typescript" / "package-lock.json").read_text()
