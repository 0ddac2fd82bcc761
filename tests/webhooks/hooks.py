"""An account with subscriptions, and calls that they hear of."""

from typing import Any

from tests.support.sink import Sink
from tests.support.system import System, acme, eventually, new_call_id
from tests.v1.test_rows import Api

OF_A_CALL = ["call.started", "call.answered", "call.ended"]
Document = dict[str, Any]


def subscribed(system: System, *urls: str, events: tuple[str, ...] = ("*",)) -> Document:
    """An account with a subscription per URL; their secrets are in `secrets`."""
    document = acme(webhooks=[{"url": url, "events": list(events)} for url in urls])
    shown = system.apply(document)
    document["secrets"] = [one["secret"] for one in shown.values() if "secret" in one]
    return document


def finished_call(system: System, document: Document) -> str:
    call_id = new_call_id()
    system.route(call_id, document["numbers"][0]["e164"], srcIp="198.51.100.7")
    system.report(call_id, "answered")
    system.report(call_id, "end")
    return call_id


class Hook:
    """A webhook of an account with one, as /v1 shows it."""

    def __init__(self, system: System, document: Document) -> None:
        self.api = Api(system, document["account"]["id"])
        (row,) = self.api.get("/v1/webhooks").json()["rows"]
        self.path = f"/v1/webhooks/{row['id']}"
        self.id: str = row["id"]

    @property
    def row(self) -> Any:
        return self.api.get(self.path).json()

    def becomes(self, status: str) -> None:
        changed = self.api.patch(self.path, {"status": status})
        assert changed.status_code == 200, changed.text

    def deliveries(self, **filters: Any) -> Any:
        answer = self.api.get(f"{self.path}/deliveries", **filters)
        assert answer.status_code == 200, answer.text
        return answer.json()["rows"]

    def attempts(self, delivery_id: str) -> Any:
        answer = self.api.get(f"{self.path}/deliveries/{delivery_id}/attempts")
        assert answer.status_code == 200, answer.text
        return answer.json()["rows"]

    def asks(self, what: str, body: Any) -> Any:
        answer = self.api.post(f"{self.path}/{what}", body)
        assert answer.status_code == 202, answer.text
        return answer.json()


def days_pass(system: System, webhook_id: str, days: float) -> None:
    """What is owed, and its subscription, are older by so many days."""
    ms = int(days * 86_400_000)
    with system.database() as connection:
        for table, column in (
            ("views.subscription", "active_since"),
            ("views.outbox", "at"),
            ("delivery.ledger", "at"),
            ("delivery.ledger", "next_at"),
            ("delivery.paid", "failing_since"),
        ):
            connection.execute(
                f"UPDATE {table} SET {column} = {column} - %s WHERE webhook_id = %s".encode(),
                (ms, webhook_id),
            )


def restart_sender(system: System) -> None:
    """It begins anew from its book."""
    before = system.kill("sender")
    eventually(lambda: system.pid_of("sender") != before)


def all_of(endpoint: Sink, call_id: str, count: int = 3) -> Any:
    return eventually(lambda: got if len(got := endpoint.of(call_id)) >= count else None, 15)
