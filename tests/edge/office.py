"""An account with two phones at the edge under test, and what can be asked about its calls."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg.rows import DictRow

from gateways.ids import new_id
from tests.edge import net
from tests.edge.kamailio import Kamailio
from tests.edge.sink import Delivery, Sink
from tests.edge.sipp import Sipp
from tests.support.system import System, acme, eventually

PHONES = "127.0.0.21"
CALLERS = "127.0.0.22"
TRUNK = "127.0.0.30"
STRANGER = "127.0.0.31"
CARRIER_1, CARRIER_2 = "127.0.0.41", "127.0.0.42"
TOLERANCE_MS = 1000
"""SIPp stamps what it sends and receives, the edge what it relays; between them lie process
switches on a busy machine. What tests tell apart lies further apart."""


def assert_heard(record: dict[str, Any], **heard_ms: int) -> None:
    """The record has these times, by the clock of who was on the line."""
    for name, at_ms in heard_ms.items():
        assert abs(record[name] - at_ms) < TOLERANCE_MS, (name, record, heard_ms)


def ringing(seconds: int, **more: Any) -> Any:
    """Bob's phones ring so long."""
    return lambda document: [
        document["users"][0],
        {**document["users"][1], "ring_timeout_sec": seconds, **more},
    ]


@dataclass
class Phone:
    """A device, at a port where SIPp can register and answer."""

    username: str
    domain: str
    password: str
    port: int = field(default_factory=lambda: net.free_udp_port(PHONES))

    last: Sipp | None = None
    """The last run that answered a challenge."""

    @property
    def aor(self) -> str:
        return f"{self.username}@{self.domain}"

    def login(self) -> dict[str, str]:
        """What SIPp needs to answer a challenge.

        Two runs of SIPp begin with the same client nonce and counter. Challenges within one second
        carry the same nonce, so the second run would look like a replay of the first.
        """
        if self.last is not None:
            last = self.last
            born = eventually(lambda: last.challenged_ms) // 1000
            eventually(lambda: time.time() // 1 > born)
        return {"username": self.username, "password": self.password}


class Edge:
    """A running Callplane with a Kamailio in front of it, and a subscriber behind."""

    def __init__(self, system: System, kamailio: Kamailio, sink: Sink, media_port: int) -> None:
        self.system = system
        self.kamailio = kamailio
        self.sink = sink
        self.media_port = media_port
        self.runs: list[Sipp] = []

    @property
    def folder(self) -> Path:
        return self.kamailio.folder

    def play(self, scenario: str, address: str, **more: Any) -> Sipp:
        """Start SIPp against the edge."""
        remote = self.kamailio.tcp_address if more.get("tcp") else self.kamailio.address
        run = Sipp(self.folder, scenario, remote, address, **more)
        self.runs.append(run)
        return run

    def close(self) -> None:
        for run in self.runs:
            run.close()

    def office(self, **sections: Any) -> "Office":
        return Office(self, sections)


class Office:
    """An account of its own, applied: Alice is 1001, Bob 1002, the number rings Bob.

    `sections` replace or extend those of `acme`; a callable is given the default rows.
    """

    def __init__(self, edge: Edge, sections: dict[str, Any]) -> None:
        self.edge = edge
        document = acme()
        for row in document["devices"]:
            row["password"] = f"secret-of-{row['auth_username']}"
        document["numbers"][0] |= {"dest_kind": "user", "dest_id": document["users"][1]["id"]}
        document["trunks"] = [
            {"id": new_id("trunk"), "name": "Carrier", "inbound_ips": [f"{TRUNK}/32"]}
        ]
        document["webhooks"] = [{"url": edge.sink.url, "events": ["call.started", "call.ended"]}]
        for name, section in sections.items():
            document[name] = section(document) if callable(section) else section
        self.document = document
        self.id: str = document["account"]["id"]
        self.number: str = document["numbers"][0]["e164"]
        shown = edge.system.apply(document)
        self.webhook_secret = next(
            (secrets["secret"] for secrets in shown.values() if "secret" in secrets), ""
        )
        self.key = edge.system.key(self.id)
        self.domain: str = document["domains"][0]["domain"]
        self.alice, self.bob = (
            Phone(row["auth_username"], self.domain, row["password"])
            for row in document["devices"][:2]
        )

    # What phones and trunks do

    def register(self, phone: Phone, **more: Any) -> Sipp:
        """Register, and wait until the control plane knows."""
        run = self.registering(phone, **more).wait()
        eventually(lambda: any(f":{phone.port}" in row["contact"] for row in self.contacts()))
        return run

    def registering(self, phone: Phone, **more: Any) -> Sipp:
        words = {
            "scenario": "registers",
            "code": 200,
            "expires": 3600,
            "aor": phone.aor,
            "domain": phone.domain,
            "contact": f"<sip:{phone.username}@{PHONES}:{phone.port}>",
            **phone.login(),
            **more,
        }
        phone.last = self.edge.play(address=PHONES, port=phone.port, **words)
        return phone.last

    def phone_at(self, phone: Phone, scenario: str, **more: Any) -> Sipp:
        """What this phone does when it is called."""
        return self.edge.play(scenario, PHONES, port=phone.port, **more).ready()

    def dial(self, caller: Phone, to: str, scenario: str = "phone_calls", **more: Any) -> Sipp:
        words = {"from": caller.aor, "to": f"{to}@{self.domain}", **caller.login(), **more}
        caller.last = self.edge.play(scenario, CALLERS, **words)
        return caller.last

    def trunk_dials(
        self, to: str, scenario: str = "trunk_calls", host: str | None = None, **more: Any
    ) -> Sipp:
        words = {
            "address": TRUNK,
            "from": "+14155551234@carrier.example",
            "to": f"{to}@{host or self.edge.kamailio.address}",
            **more,
        }
        return self.edge.play(scenario, **words)

    # What is known afterwards

    def call(self, call_id: str) -> dict[str, Any]:
        """The call's record, once it has ended."""

        def ended() -> dict[str, Any]:
            found: dict[str, Any] = self.edge.system.call(self.key, call_id)
            assert found["end_ts"] is not None, f"still open: {found}"
            return found

        return eventually(ended)

    def usage(self) -> dict[str, Any]:
        answer = self.edge.system.edge.get("/cac", params={"accountId": self.id})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def is_idle(self) -> bool:
        """No channel in use, no call open."""
        found = self.usage()
        return not found["calls"] and not any(one["used"] for one in found["counters"])

    def contacts(self) -> list[DictRow]:
        """Where the control plane believes that devices can be reached."""
        with self.edge.system.database() as connection:
            return connection.execute(
                "SELECT * FROM views.contact WHERE account_id = %s ORDER BY since", (self.id,)
            ).fetchall()

    def deliveries(self, call_id: str | None = None) -> list[Delivery]:
        return self.edge.sink.of(self.id, call_id)
