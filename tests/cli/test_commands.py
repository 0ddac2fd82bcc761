"""The command line: what it prints, for people and for machines, and its exit codes (spec 12)."""

import json
from pathlib import Path
from typing import Any

import yaml

from gateways.ids import new_id
from tests.support.system import System, acme, new_call_id


def test_applying_a_file_shows_a_plan_and_doing_it_twice_changes_nothing(
    system: System, tmp_path: Path
) -> None:
    document = acme()
    file = tmp_path / "acme.yaml"
    file.write_text(yaml.safe_dump(document))
    planned = system.cli("apply", "-f", str(file), "--plan")
    assert planned.returncode == 0, planned.stderr
    assert "planned: 8 create" in planned.stdout
    first = system.cli_json("apply", "-f", str(file))
    assert first["counts"] == {"create": 8, "change": 0, "delete": 0, "nothing": 0}
    second = system.cli_json("apply", "-f", str(file))
    assert second["counts"] == {"create": 0, "change": 0, "delete": 0, "nothing": 8}
    document["users"][0]["display_name"] = "Alice B."
    document["devices"][1]["password"] = "another secret"
    file.write_text(yaml.safe_dump(document))
    third = system.cli_json("apply", "-f", str(file))
    assert third["counts"] == {"create": 0, "change": 2, "delete": 0, "nothing": 6}
    changed = {row["kind"]: row["members"] for row in third["changes"] if row["members"]}
    assert changed == {"sip_user": "display_name", "sip_device": "password"}


def test_rows_without_ids_are_found_by_what_names_them(system: System, tmp_path: Path) -> None:
    document = acme()
    for section in ("users", "numbers", "flows"):
        document["devices"] = []
        for row in document[section]:
            row.pop("id")
    document["numbers"][0] = {"e164": "+1 (303) 555-" + document["numbers"][0]["e164"][-4:]}
    file = tmp_path / "acme.yaml"
    file.write_text(yaml.safe_dump(document))
    assert system.cli_json("apply", "-f", str(file))["counts"]["create"] == 6
    assert system.cli_json("apply", "-f", str(file))["counts"]["nothing"] == 6


def test_a_bad_file_is_refused_by_name_and_changes_nothing(system: System, tmp_path: Path) -> None:
    document = acme(gadgets=[{"name": "x"}])
    file = tmp_path / "acme.yaml"
    file.write_text(yaml.safe_dump(document))
    refused = system.cli("apply", "-f", str(file))
    assert refused.returncode == 1
    assert "/gadgets" in refused.stderr
    file.write_text("account: [")
    assert system.cli("apply", "-f", str(file)).returncode == 1


def test_a_file_with_bad_rows_is_refused_as_a_whole_and_each_is_named(
    system: System, tmp_path: Path
) -> None:
    document = acme()
    document["users"].append({"username": 1003})
    document["numbers"].append({"e164": "no number", "colour": "red"})
    file = tmp_path / "acme.yaml"
    file.write_text(yaml.safe_dump(document))
    for plan_only in ([], ["--plan"]):
        refused = system.cli("apply", "-f", str(file), *plan_only)
        assert refused.returncode == 1
        users, numbers = len(document["users"]) - 1, len(document["numbers"]) - 1
        assert f"/users/{users}/username" in refused.stderr
        assert f"/numbers/{numbers}/e164" in refused.stderr
        assert f"/numbers/{numbers}/colour" in refused.stderr
    nothing = system.edge.get("/cac", params={"accountId": document["account"]["id"]})
    assert nothing.status_code == 404, "not even the account was made"


def test_a_call_is_traced_listed_and_counted(system: System, account: dict[str, Any]) -> None:
    call_id, account_id = new_call_id(), account["account"]["id"]
    system.route(call_id, account["numbers"][0]["e164"])
    shown = system.cli("trace", call_id)
    assert shown.returncode == 0
    assert call_id in shown.stdout
    assert "classify: inbound" in shown.stdout
    steps = system.cli_json("trace", call_id)
    assert steps[0]["seq"] == 1
    (row,) = system.cli_json("calls", "list", "--account", account_id)
    assert row["call_id"] == call_id
    assert "1 open call(s)" in system.cli("cac", "show", "--account", account_id).stdout
    reset = system.cli_json("cac", "reset", "--account", account_id, "--force")
    assert reset["released"] == 1
    missing = system.cli("trace", "no-such-call")
    assert missing.returncode == 3
    assert "no call" in missing.stderr


def test_a_live_call_is_followed_to_its_end(system: System, account: dict[str, Any]) -> None:
    call_id = new_call_id()
    system.route(call_id, account["numbers"][0]["e164"])
    system.report(call_id, "end")
    followed = system.cli("trace", call_id, "--follow")
    assert followed.returncode == 0
    assert "Ended" in followed.stdout


def test_keys_are_made_listed_and_revoked(system: System, account: dict[str, Any]) -> None:
    account_id = account["account"]["id"]
    made = system.cli_json("keys", "create", "--account", account_id, "--scopes", "cdr,users")
    assert {"id", "key"} <= made.keys()
    headers = {"x-api-key": made["key"]}
    assert system.api.get("/v1/whoami", headers=headers).json()["scopes"] == ["cdr", "users"]
    listed = system.cli_json("keys", "list", "--account", account_id)
    assert [row["id"] for row in listed] == [made["id"]]
    assert made["key"] not in json.dumps(listed)
    system.cli_json("keys", "revoke", made["id"])
    assert system.api.get("/v1/whoami", headers=headers).status_code == 401
    assert system.cli("keys", "revoke", "key_nobody").returncode == 3


def test_status_and_doctor_say_that_all_is_well(system: System) -> None:
    status = system.cli_json("status")
    assert status["ok"]
    assert status["services"].keys() == {"edge", "api", "realtime", "console"}
    findings = system.cli_json("doctor")["findings"]
    assert {finding["state"] for finding in findings} == {"ok"}


def test_migrating_again_does_nothing(system: System) -> None:
    assert system.cli_json("migrate") == {"applied": []}


def test_read_models_are_rebuilt_beside_the_running_system(
    system: System, account: dict[str, Any]
) -> None:
    call_id, number = new_call_id(), account["numbers"][0]["e164"]
    system.route(call_id, number)
    done = system.cli_json("rebuild", "cdr")
    assert [(one["name"], one["same"]) for one in done] == [("cdr", True)]
    later = new_call_id()
    system.route(later, number)
    shown = system.cli_json("calls", "list", "--account", account["account"]["id"])
    assert [row["call_id"] for row in shown] == [later, call_id]
    unknown = system.cli("rebuild", "nonsense")
    assert unknown.returncode == 3
    assert "cdr" in unknown.stderr


def test_settings_show_where_they_come_from_and_no_secret(system: System) -> None:
    rows = {row["name"]: row for row in system.cli_json("config", "show")}
    assert rows["DATA_DIR"]["from"] == "environment"
    assert rows["BIND"] == {"name": "BIND", "value": "127.0.0.1", "from": "default"}
    assert rows["ADMIN_TOKEN"]["value"] == "(set)"
    assert "let me in" not in json.dumps(rows)


def test_without_a_running_system_commands_say_how_to_start_one() -> None:
    idle = System()
    try:
        refused = idle.cli("trace", "x")
        assert refused.returncode == 4
        assert "callplane up" in refused.stderr
        assert idle.cli("status").returncode == 4
        doctor = idle.cli("doctor")
        assert doctor.returncode == 1 or "nothing runs" in doctor.stdout
    finally:
        idle.close()


def test_a_bad_setting_is_named_with_its_source() -> None:
    broken = System(node_cidrs="not a network")
    try:
        refused = broken.cli("status")
        assert refused.returncode == 2
        assert "NODE_CIDRS (environment)" in refused.stderr
    finally:
        broken.close()


def test_commands_used_wrongly_exit_with_2(system: System) -> None:
    assert system.cli("trace").returncode == 2
    assert system.cli("calls").returncode == 2
    assert system.cli("teleport").returncode == 2


def test_a_key_for_diagnosis_is_made(system: System, account: dict[str, Any]) -> None:
    make = ("keys", "create", "--account", account["account"]["id"], "--kind", "sips")
    made = system.cli_json(*make, "--plan", "teams")
    assert (made["key"][:5], len(made["key"]), made["scopes"]) == ("sips_", 45, ["analyze"])
    shown = system.api.get("/v1/keys", headers={"x-api-key": made["key"]}).json()["keys"]
    assert [row["plan"] for row in shown if row["id"] == made["id"]] == ["teams"]
    assert "/plan" in system.cli(*make, "--plan", "free").stderr


def test_the_first_owner_of_an_account_is_made_and_logs_in(
    system: System, account: dict[str, Any]
) -> None:
    account_id, email = account["account"]["id"], f"{new_id('x')}@acme.example"
    make = ("console-users", "create", "--account", account_id, "--email", email.upper())
    done = system.cli(*make, "--json", stdin="correct horse battery\n")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    wish = {"email": email, "password": "correct horse battery"}
    answer = system.api.post("/v1/sessions", json=wish)
    assert answer.json()["scopes"] == ["*"], answer.text
    (listed,) = system.cli_json("console-users", "list", "--account", account_id)
    assert listed == {
        "id": made["id"],
        "email": email,
        "name": "",
        "role": "owner",
        "status": "active",
        "totp": 0,
    }
    again = system.cli(*make, stdin="correct horse battery\n")
    assert (again.returncode, "/email" in again.stderr) == (1, True)
    short = system.cli(*make, stdin="\n")
    assert (short.returncode, "/password" in short.stderr) == (1, True)


def test_a_key_without_scopes_is_refused(system: System, account: dict[str, Any]) -> None:
    made = system.cli("keys", "create", "--account", account["account"]["id"], "--scopes", " ")
    assert made.returncode == 1
    assert "/scopes" in made.stderr


def test_prompts_are_made_from_the_command_line(system: System) -> None:
    first = system.cli_json("tts", "generate", "--lang", "nl-NL", "--gender", "male")
    assert (first["ok"], first["generated"]) == (1, 10)
    again = system.cli("tts", "generate", "--lang", "nl-NL", "--gender", "male")
    assert "0 generated, 10 were there, 0 failed" in again.stdout
    assert system.cli("tts", "generate", "--lang", "xx-XX").returncode == 1
