"""Phones and trunks at an edge whose control plane is scripted."""

from typing import Any

from tests.edge.kamailio import Kamailio
from tests.edge.office import PHONES, TRUNK, Phone
from tests.edge.scripted import ScriptedControl
from tests.edge.sipp import Sipp
from tests.support.system import eventually


def registers(kamailio: Kamailio, code: int, username: str = "1001") -> Sipp:
    """A phone at a new address, which hears `code`."""
    caller = Phone(username, "acme.example", "secret")
    return Sipp(
        kamailio.folder, "registers", kamailio.address, PHONES, code=code, expires=60,
        aor=caller.aor, domain=caller.domain, contact=f"<sip:{username}@{PHONES}:{caller.port}>",
        username=caller.username, password=caller.password,
    ).wait()  # fmt: skip


def calls(kamailio: Kamailio, scenario: str, **more: Any) -> Sipp:
    words = {"from": "+14155551234@carrier.example", "to": f"+12025550123@{kamailio.address}"}
    return Sipp(kamailio.folder, scenario, kamailio.address, TRUNK, **{**words, **more})


def assert_told_of_the_end(control: ScriptedControl, call_id: str, code: int) -> None:
    """Once, and with this SIP status."""
    ends = eventually(lambda: [one for one in control.reports() if one["event"] == "end"])
    assert [(one["callId"], one["sipCode"]) for one in ends] == [(call_id, code)]
