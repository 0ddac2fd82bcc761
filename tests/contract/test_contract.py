"""Every operation of the document, with data that is right and data that is wrong, alone and one
after another: no 5xx, nothing undocumented, nothing wrong taken, nothing right refused."""

from pathlib import Path

import pytest

from tests.contract.tenant import tenant
from tests.support.contract import tool
from tests.support.system import System

pytestmark = [pytest.mark.contract, pytest.mark.timeout(1200)]
ROOT = Path(__file__).parents[2]
PHASES = {
    # every boundary of every member, once: it ends when it is through
    "examples,coverage": ["--max-time", "200"],
    # made up, as long as it may
    "fuzzing": ["--max-examples", "5", "--max-time", "45"],
    # one operation after another, with the ids that the first has answered
    "stateful": ["--max-time", "45"],
}


@pytest.mark.parametrize("phases", PHASES)
def test_the_service_keeps_to_its_document(system: System, phases: str) -> None:
    caller = tenant(system)
    run = ["schemathesis", "--config-file", "tests/contract/schemathesis.toml", "run"]
    run += [f"{system.api_url}/v1/openapi.json", "--no-color", "--phases", phases]
    environment = {"API_KEY": caller.key, "ACCOUNT_ID": caller.account_id}
    tool(*run, *PHASES[phases], cwd=ROOT, environment=environment, patience=1000)
