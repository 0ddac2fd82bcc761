"""Settings that are more than a word: what they mean, and what is refused by name."""

from pathlib import Path

import pytest

from deploy.settings import SECRETS, BadSettings, carrier_secrets, load

NOWHERE = Path("/nonexistent")
SECRET = "0123456789abcdef"


def test_carriers_are_names_with_a_secret_each() -> None:
    value = f"acme={SECRET}, other-1={SECRET}="
    assert carrier_secrets(value) == {"acme": SECRET, "other-1": f"{SECRET}="}
    assert carrier_secrets("") == {}
    settings, _ = load({"CALLPLANE_CARRIER_HOOKS": value}, NOWHERE)
    assert settings.carrier_hooks == value
    assert "carrier_hooks" in SECRETS


@pytest.mark.parametrize(
    "value", ["acme", f"={SECRET}", f"Acme={SECRET}", "acme=short", f"a={SECRET},a={SECRET}"]
)
def test_a_carrier_without_name_or_secret_is_refused(value: str) -> None:
    with pytest.raises(BadSettings, match="CARRIER_HOOKS"):
        load({"CALLPLANE_CARRIER_HOOKS": value}, NOWHERE)
