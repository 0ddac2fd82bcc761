"""Configuration as code from the command line: apply, diff, export (spec 02, Import/export)."""

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.cli.plans import reported, text_of
from deploy.cli.session import Session
from domain.errors import Fault, Invalid
from domain.manifest.document import exported
from events.base import AccountId
from gateways import manifest
from gateways.ids import new_id
from gateways.manifest import Plan, parse
from tests.support.system import CALLPLANE, System, acme


def office() -> dict[str, Any]:
    """An account whose rows name each other by their names, also in a circle."""
    document = acme()
    realm = document["domains"][0]["domain"]
    to_flow = {"timeout_dest_kind": "flow", "timeout_dest_id": "Main"}
    hook = {"kind": "webhook", "url": "https://crm.example/", "secret": "whsec_crm"}
    return {
        "account": document["account"],
        "domains": document["domains"],
        "voicemails": [{"name": "Box", "pin": "1234"}],
        "users": [
            {"username": "1001", "is_agent": 1, "voicemail_id": "Box"},
            {"username": "1002", "fwd_busy_kind": "ring_group", "fwd_busy_id": "Shop"},
        ],
        "devices": [
            {"user_id": "1001", "auth_username": "1001", "realm": realm, "password": "for 1001"}
        ],
        "queues": [{"name": "Sales", "max_wait_sec": 60, **to_flow}],
        "ring_groups": [{"name": "Shop", "members": [{"user_id": "1002"}]}],
        "queue_members": [{"queue_id": "Sales", "user_id": "1001"}],
        "flows": [
            {
                "name": "Main",
                "start": "crm",
                "is_published": 1,
                "nodes": [
                    {"id": "crm", "type": "webhook", "data": hook},
                    {
                        "id": "wait",
                        "type": "enqueue",
                        "data": {"kind": "enqueue", "queueId": "Sales"},
                    },
                ],
                "edges": [{"id": "e", "source": "crm", "target": "wait", "sourceHandle": "ok"}],
            }
        ],
        "numbers": [{**document["numbers"][0], "dest_id": "Main"}],
        "webhooks": [{"url": "https://hooks.example/", "events": ["call.ended"]}],
    }


class File:
    """A configuration file, and what the command line makes of it."""

    def __init__(self, system: System, path: Path, document: dict[str, Any]) -> None:
        self.system, self.path, self.document = system, path, document
        self.write()

    def write(self) -> None:
        self.path.write_text(yaml.safe_dump(self.document, sort_keys=False))

    def plan(self, prune: bool = False, carry_out: bool = False) -> Plan:
        async def work(session: Session) -> Plan:
            wished, reader, vault = parse(self.path.read_text()), session.reader, session.vault
            plan = await manifest.plan(wished, reader, vault, session.provisioner, prune)
            if carry_out:
                await manifest.carry_out(plan, session.provisioner, "test")
            return plan

        return self.system.with_session(work)

    def apply(self, prune: bool = False) -> dict[str, int]:
        counts = reported(self.plan(prune, carry_out=True), {})["counts"]
        return {action: number for action, number in counts.items() if number}

    def diff(self, prune: bool = False) -> str:
        return text_of(self.plan(prune))

    def export(self, account_id: str) -> str:
        async def work(session: Session) -> str:
            state = await manifest.stored(session.reader, AccountId(account_id))
            return manifest.written(*exported(state))

        return self.system.with_session(work)

    def cli(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        return self.system.cli(command, "-f", str(self.path), *options)


@pytest.fixture
def file(system: System, tmp_path: Path) -> File:
    return File(system, tmp_path / "office.yaml", office())


def test_rows_that_name_each_other_are_made_in_one_run(file: File) -> None:
    assert file.apply() == {"create": 12}
    assert file.apply(prune=True) == {"nothing": 12}
    called = file.system.route(new_id("call"), file.document["numbers"][0]["e164"])
    assert called["action"] == "flow"


def test_a_member_that_is_taken_out_gets_its_default_and_secrets_stay(file: File) -> None:
    file.apply()
    del file.document["queues"][0]["max_wait_sec"]
    del file.document["devices"][0]["password"]
    del file.document["voicemails"][0]["pin"]
    del file.document["flows"][0]["nodes"][0]["data"]["secret"]
    file.write()
    found = file.diff()
    assert "~ queues Sales (q_" in found
    assert "max_wait_sec: 60 → 600" in found
    assert found.count("~") == 1
    assert file.apply() == {"change": 1, "nothing": 11}
    assert file.diff() == ""


def test_secrets_are_shown_as_changed_only(file: File) -> None:
    file.apply()
    file.document["devices"][0]["password"] = "another one"
    file.document["flows"][0]["nodes"][0]["data"]["secret"] = "whsec_another"
    file.write()
    found = file.plan()
    assert "password: (secret)" in text_of(found)
    assert "another" not in text_of(found) + str(reported(found, {}))
    assert file.apply() == {"change": 2, "nothing": 10}
    assert file.apply() == {"nothing": 12}


def test_diff_exits_with_what_it_found(file: File) -> None:
    differs = file.cli("diff", "--json")
    assert differs.returncode == 1
    assert json.loads(differs.stdout)["counts"]["create"] == 12
    file.apply()
    same = file.cli("diff")
    assert (same.returncode, same.stdout) == (0, "nothing differs\n")
    file.document["users"][0]["colour"] = "red"
    file.write()
    broken = file.cli("diff")
    assert broken.returncode == 2
    line = 1 + file.path.read_text().split("\n").index("  colour: red")
    assert f"/users/0/colour: Extra inputs are not permitted (line {line})" in broken.stderr


def test_pruning_deletes_what_the_files_sections_do_not_name(file: File) -> None:
    file.apply()
    file.document["users"].pop()
    file.document["ring_groups"] = []
    file.document.pop("webhooks")
    file.write()
    assert file.apply() == {"nothing": 9}
    assert "- ring_groups Shop" in file.diff(prune=True)
    assert file.apply(prune=True) == {"delete": 2, "nothing": 9}
    assert file.apply(prune=True) == {"nothing": 9}


def test_an_export_changes_nothing_where_it_comes_from(file: File, tmp_path: Path) -> None:
    file.apply()
    account = file.document["account"]["id"]
    output = tmp_path / "exported.yaml"
    done = file.system.cli("export", "--account", account, "-o", str(output))
    assert done.returncode == 0, done.stderr
    text = output.read_text()
    assert "# password is not exported" in text
    assert "# the secret of node crm is not exported" in text
    for secret in ("for 1001", "1234", "whsec_", "sec_", "_ref"):
        assert secret not in text
    assert file.export(account) == text
    assert File(file.system, output, yaml.safe_load(text)).diff(prune=True) == ""


def test_an_export_makes_an_equal_account(file: File, tmp_path: Path) -> None:
    file.document.pop("numbers")
    file.write()
    file.apply()
    realm, other = file.document["domains"][0]["domain"], new_id("acc")
    text = file.export(file.document["account"]["id"])
    text = text.replace(file.document["account"]["id"], other).replace(realm, f"copy.{realm}")
    copy = File(file.system, tmp_path / "copy.yaml", yaml.safe_load(text))
    assert "! has no password: no telephone can register as this device" in copy.diff()
    assert copy.apply() == {"create": 11}
    lines = file.export(other).splitlines()
    lost = set(text.splitlines()) - set(lines)
    assert all(" is not exported" in line for line in lost), lost
    assert len(lines) == len(text.splitlines()) - len(lost)


def test_several_accounts_have_to_be_told_apart(file: File) -> None:
    file.apply()
    other = acme()
    file.system.apply(other)
    refused = file.system.cli("export")
    assert refused.returncode == 1
    assert "--account" in refused.stderr
    assert file.system.cli("export", "--account", new_id("acc")).returncode == 3


def test_what_another_account_has_is_said_before_anything_is_done(
    file: File, account: dict[str, Any]
) -> None:
    file.document["numbers"].append({"e164": account["numbers"][0]["e164"]})
    file.document["users"].append({"id": account["users"][0]["id"], "username": "1009"})
    file.write()
    refused = file.cli("apply")
    assert refused.returncode == 1
    assert "/users/2/id: is the id of another account's row" in refused.stderr
    file.document["users"].pop()
    file.write()
    with pytest.raises(Invalid) as taken:
        file.plan()
    assert taken.value.faults == (Fault("/numbers/1/e164", "is taken"),)
    shown = file.system.edge.get("/cac", params={"accountId": file.document["account"]["id"]})
    assert shown.status_code == 404, "not even the account was made"


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("y\n", 0)])
def test_on_a_terminal_it_asks_first(file: File, answer: str, code: int) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [CALLPLANE, "apply", "-f", str(file.path)],
        env={**os.environ, **file.system.environment},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    shown, asked = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == code, asked
    assert "Apply? [y/N]" in asked
    assert "+ queues Sales" in shown
    assert (file.diff() == "") == (code == 0)


def test_a_member_that_is_there_twice_is_refused(file: File) -> None:
    file.path.write_text(file.path.read_text() + "\nusers: []\n")
    with pytest.raises(Invalid) as refused:
        file.plan()
    assert refused.value.faults == (Fault("/users", "is there twice"),)
