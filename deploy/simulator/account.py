"""An account to put load on: a number, a menu with two queues, and as many agents as wanted."""

from random import Random
from typing import Any

from gateways.ids import new_id


def made(agents: int, **queue: Any) -> dict[str, Any]:
    """A configuration file's content. `queue`: members of its queues."""
    number = Random().randrange(10**7)
    realm = f"load-{number}.example"
    queues = {name: new_id("q") for name in ("sales", "support")}
    users = [new_id("us") for _ in range(agents)]
    flow, mailbox = new_id("flow"), new_id("vm")
    rules = {"agent_ring_timeout_sec": 15, "wrap_up_sec": 5, "max_wait_sec": 300, **queue}
    return {
        "account": {"id": new_id("acc"), "name": f"Load {number}", "country": "US"},
        "domains": [{"domain": realm, "is_primary": 1}],
        "voicemails": [{"id": mailbox, "name": "Messages"}],
        "users": [
            {"id": user, "username": _username(index), "is_agent": 1}
            for index, user in enumerate(users)
        ],
        "devices": [
            {
                "user_id": user,
                "auth_username": _username(index),
                "realm": realm,
                "password": f"load-{index}",
            }
            for index, user in enumerate(users)
        ],
        "queues": [
            {"id": queues["sales"], "name": "Sales", "announce_position": 1, **rules},
            {"id": queues["support"], "name": "Support", "strategy": "ring_all", **rules},
        ],
        "queue_members": [
            {"queue_id": id, "user_id": user}
            for name, id in queues.items()
            for user in (users if name == "sales" else users[:4])
        ],
        "in_queue_options": [
            {
                "queue_id": queues["sales"],
                "digit": "2",
                "action": "route",
                "dest_kind": "voicemail",
                "dest_id": mailbox,
            },
            {"queue_id": queues["sales"], "digit": "3", "action": "hangup"},
        ],
        "flows": [{"id": flow, "name": "Front desk", "is_published": 1, **_menu(queues, mailbox)}],
        "numbers": [{"e164": f"1202{number:07}", "dest_kind": "flow", "dest_id": flow}],
    }


def _username(index: int) -> str:
    return str(2_000 + index)


def _menu(queues: dict[str, str], mailbox: str) -> dict[str, Any]:
    menu = {"kind": "menu", "promptText": "1 or 2", "maxDigits": 1, "timeoutSec": 5}
    data: dict[str, dict[str, Any]] = {
        "menu": {**menu, "maxTimeouts": 1, "maxFailures": 2},
        "sales": {"kind": "enqueue", "queueId": queues["sales"]},
        "support": {"kind": "enqueue", "queueId": queues["support"]},
        "vm": {"kind": "voicemail", "mailboxId": mailbox},
    }
    drawn = [
        ("menu", "digit:1", "sales"),
        ("menu", "digit:2", "support"),
        ("menu", "timeout", "vm"),
        ("sales", "no_agents", "vm"),
        ("support", "no_agents", "vm"),
    ]
    return {
        "start": "menu",
        "nodes": [{"id": id, "type": one["kind"], "data": one} for id, one in data.items()],
        "edges": [
            {"id": f"e{number}", "source": source, "target": target, "sourceHandle": handle}
            for number, (source, handle, target) in enumerate(drawn)
        ],
    }
