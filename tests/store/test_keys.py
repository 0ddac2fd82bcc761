"""Keys of the encrypted store: several at once, new ones met while running, sealing again."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.store.connections import Connections
from gateways.store.keys import KeyFile, Keyring, key_from
from gateways.store.rotation import BATCH, Resealed, reseal, rows_per_key
from gateways.store.secrets import Vault

OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32


@pytest.fixture
def pool(database_url: str) -> Iterator[Connections]:
    found = Connections(database_url, 2)
    yield found
    found.close()


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    path = tmp_path / "secret_key"
    path.write_text("the first one")
    return KeyFile(path)


def ring(file: KeyFile) -> Keyring:
    return Keyring(lambda: [key_from(text) for text in file.texts()])


def test_the_first_key_seals_and_each_opens_what_it_has_sealed(pool: Connections) -> None:
    old = Vault(pool, Keyring.of(OLD)).put("acc_1", b"one")
    both = Vault(pool, Keyring.of(NEW, OLD))
    new = both.put("acc_1", b"two")
    assert (both.get(old), both.get(new)) == (b"one", b"two")
    only_new = Vault(pool, Keyring.of(NEW))
    assert (only_new.get(old), only_new.get(new)) == (None, b"two")


def test_a_secret_is_its_own_references_only(pool: Connections) -> None:
    vault = Vault(pool, Keyring.of(OLD))
    mine, other = vault.put("acc_1", b"one"), vault.put("acc_1", b"two")
    with pool.connection() as connection:
        connection.execute(
            "UPDATE secrets.sealed AS a SET ciphertext = b.ciphertext, nonce = b.nonce"
            " FROM secrets.sealed AS b WHERE a.ref = %s AND b.ref = %s",
            (mine, other),
        )
    assert vault.get(mine) is None
    assert reseal(pool, Keyring.of(NEW, OLD)) == Resealed(1, 1)


def test_who_runs_meets_a_key_that_is_newer(
    pool: Connections, file: KeyFile, tmp_path: Path
) -> None:
    running = Vault(pool, ring(KeyFile(tmp_path / "secret_key")))
    first = running.put("acc_1", b"one")
    file.add()
    second = Vault(pool, ring(file)).put("acc_1", b"two")
    assert (running.get(first), running.get(second)) == (b"one", b"two")
    third = running.put("acc_1", b"three")
    assert Vault(pool, Keyring.of(key_from(file.texts()[0]))).get(third) == b"three"


def test_everything_is_sealed_again_and_what_no_key_opens_is_left(pool: Connections) -> None:
    old, lost = Vault(pool, Keyring.of(OLD)), Vault(pool, Keyring.of(OTHER)).put("acc_1", b"lost")
    refs = {old.put("acc_1", b"%d" % n): b"%d" % n for n in range(BATCH + 3)}
    keyring, seen = Keyring.of(NEW, OLD), list[Resealed]()

    class Stopped(Exception): ...

    def stop(so_far: Resealed) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        reseal(pool, keyring, stop)
    left = rows_per_key(pool)[Keyring.of(OLD).sealing.id]
    assert 0 < left < BATCH, "one batch is done and stays so"
    assert reseal(pool, keyring, seen.append) == Resealed(left, 1)
    assert seen[-1] == Resealed(left, 1)
    vault = Vault(pool, Keyring.of(NEW))
    assert all(vault.get(ref) == secret for ref, secret in refs.items())
    assert Vault(pool, Keyring.of(OTHER)).get(lost) == b"lost"
    assert reseal(pool, keyring) == Resealed(0, 1)


def test_a_file_keeps_the_first_key_and_those_in_use(file: KeyFile, tmp_path: Path) -> None:
    for _ in range(3):
        file.add()
    ids = [key.id for key in ring(file).keys]
    assert file.keep([ids[2]]) == [ids[1], ids[3]]
    assert [key.id for key in ring(file).keys] == [ids[0], ids[2]]
    assert file.keep([]) == [ids[2]]
    path = tmp_path / "secret_key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_who_runs_goes_on_without_its_file(file: KeyFile, tmp_path: Path) -> None:
    keyring = ring(file)
    known = keyring.sealing.id
    (tmp_path / "secret_key").unlink()
    assert keyring.sealing.id == known
