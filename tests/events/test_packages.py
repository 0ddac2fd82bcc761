"""The names of our packages are ours: PyPI has an `Events`, and others could come."""

from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "name", ["commands", "deploy", "domain", "events", "gateways", "projections"]
)
def test_a_package_is_imported_from_our_tree(name: str) -> None:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin == str(ROOT / name / "__init__.py")
    assert list(spec.submodule_search_locations or ()) == [str(ROOT / name)]
