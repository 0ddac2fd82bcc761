"""Keys of the encrypted store change while a system runs (spec 02, Secrets store)."""

import threading
from typing import Any

import pytest

from gateways.ids import new_id
from tests.support.phone import authorization, challenge
from tests.support.system import System, acme
from tests.v1.test_rows import Api

PHONES = 60


def office() -> dict[str, Any]:
    document = acme()
    realm = document["domains"][0]["domain"]
    user = {"username": "2000"}
    phones = [
        {"user_id": "2000", "auth_username": f"{2000 + n}", "realm": realm, "password": f"for {n}"}
        for n in range(PHONES)
    ]
    return {**document, "users": [user], "devices": phones, "numbers": []}


class Phones:
    """Telephones that register one after the other for as long as the block lasts; each one's
    password has to be opened when it comes for the first time."""

    def __init__(self, system: System, devices: list[dict[str, Any]]) -> None:
        self._system = system
        self._devices = devices
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.answers: list[int] = []

    def __enter__(self) -> "Phones":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        for device in self._devices:
            if self._stop.wait(0.2):
                return
            self.answers.append(registered(self._system, device))


def registered(system: System, device: dict[str, Any]) -> int:
    body = authorization(device, challenge(system, device["realm"]))
    return system.edge.post("/auth", json=body).status_code


def sealed(system: System) -> dict[str, int]:
    """Key → secrets that it has sealed."""
    with system.database() as connection:
        rows = connection.execute(
            "SELECT key_id, count(*) AS n FROM secrets.sealed GROUP BY key_id"
        ).fetchall()
    return {row["key_id"]: row["n"] for row in rows}


@pytest.mark.timeout(300)
def test_no_telephone_notices_that_the_keys_change(own_system: System) -> None:
    system, document = own_system, office()
    system.apply(document)
    devices = document["devices"]
    with Phones(system, devices[:-10]) as phones:
        first = system.cli_json("secrets", "rotate")
        second = system.cli_json("secrets", "rotate")
    assert (first["made"], second["made"]) == (True, True)
    assert (first["lost"], second["lost"]) == (0, 0)
    assert first["done"] == second["done"] == PHONES
    assert len(phones.answers) > 3
    assert set(phones.answers) == {200}
    assert sealed(system) == {second["key"]: PHONES}

    api = Api(system, document["account"]["id"])
    (user,) = api.get("/v1/users").json()["rows"]
    new = {**devices[0], "auth_username": "new", "user_id": user["id"], "password": "brand new"}
    assert api.post("/v1/devices", new).status_code == 201
    assert registered(system, new) == 200
    assert sealed(system) == {second["key"]: PHONES + 1}, "the API has met the new key"

    dropped = system.cli_json("secrets", "drop")["dropped"]
    assert len(dropped) == 2
    assert first["key"] in dropped
    assert {registered(system, device) for device in devices[-10:]} == {200}
    keys = system.cli_json("secrets", "status")["keys"]
    assert keys == [{"id": second["key"], "seals": 1, "opens": 1, "secrets": PHONES + 1}]


@pytest.mark.timeout(300)
def test_a_key_that_is_set_seals_everything_again(own_system: System) -> None:
    system, document = own_system, office()
    system.apply(document)
    key = (system.folder / "data" / "secrets" / "secret_key").read_text().strip()
    system.environment |= {"CALLPLANE_SECRET_KEY": new_id("key")}
    without = system.cli("secrets", "rotate")
    assert without.returncode == 1
    assert f"{PHONES} open with no key" in without.stdout
    system.environment |= {"CALLPLANE_OTHER_SECRET_KEYS": key}
    assert system.cli_json("secrets", "rotate")["done"] == PHONES
    assert system.cli("secrets", "drop").returncode == 1
    system.stop()
    del system.environment["CALLPLANE_OTHER_SECRET_KEYS"]
    system.start()
    assert {registered(system, device) for device in document["devices"][:5]} == {200}
