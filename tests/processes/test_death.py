"""What happens when something dies: kill -9 of each process under load; nothing acknowledged is
lost.

These are the cases of the architecture's table, on real processes.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.sink import Sink, sink
from tests.support.system import System, acme, eventually, new_call_id


@dataclass
class Load:
    """Calls from route to end, each step repeated until it is acknowledged, as an edge does."""

    system: System
    number: str
    finished: list[str] = field(default_factory=list)
    refused: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def _run(self) -> None:
        with httpx.Client(base_url=self.system.edge_url, timeout=8) as edge:
            while not self._stop.is_set():
                call_id = new_call_id()
                body = {"callId": call_id, "from": "+14155551234", "to": self.number}
                self._until_taken(edge, "/route", body)
                for event in ("answered", "end"):
                    report = {"type": "dialog", "callId": call_id, "event": event}
                    report["ts"] = str(int(time.time() * 1000))
                    self._until_taken(edge, "/presence/event", report)
                self.finished.append(call_id)

    def _until_taken(self, edge: httpx.Client, path: str, body: dict[str, Any]) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                answer = edge.post(path, json=body)
                if answer.status_code == 200:
                    return
                assert answer.status_code == 503, answer.text
                assert answer.headers["retry-after"]
            except httpx.TransportError:
                pass
            self.refused += 1
            assert time.monotonic() < deadline, f"{path} was not taken for a minute"
            time.sleep(0.05)

    @contextmanager
    def running(self, workers: int = 4) -> Iterator[None]:
        self._threads = [threading.Thread(target=self._run) for _ in range(workers)]
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(90)


@pytest.fixture
def endpoint() -> Iterator[Sink]:
    with sink() as made:
        yield made


def prepared(system: System, endpoint: Sink) -> tuple[dict[str, Any], Load]:
    document = acme(webhooks=[{"url": endpoint.url()}])
    system.apply(document)
    return document, Load(system, document["numbers"][0]["e164"])


def assert_nothing_lost(
    system: System,
    document: dict[str, Any],
    finished: list[str],
    endpoint: Sink,
    patience: float = 30.0,
) -> None:
    """Each acknowledged call has one CDR, is announced once or more under one id, holds nothing."""
    account_id = document["account"]["id"]
    with system.database() as connection:

        def rows() -> Any:
            found = connection.execute(
                "SELECT call_id, disposition FROM views.call_cdr WHERE account_id = %s",
                (account_id,),
            ).fetchall()
            done = {row["call_id"] for row in found if row["disposition"]}
            return found if set(finished) <= done else None

        found = eventually(rows, patience)
        assert len({row["call_id"] for row in found}) == len(found)
        facts = connection.execute(
            "SELECT topic, originator_id, count(*) AS n FROM events.stored_events"
            " WHERE topic IN ('call.routed.v1', 'call.ended.v1', 'call.answered.v1')"
            " GROUP BY 1, 2 HAVING count(*) > 1"
        ).fetchall()
        assert facts == [], "something happened twice"

    def all_announced() -> bool:
        missing = set(finished) - _announced(endpoint)
        assert not missing, f"{len(missing)} of {len(finished)} not announced: {list(missing)[:3]}"
        return True

    eventually(all_announced, patience, every=0.5)
    ids: dict[tuple[str, str], set[str]] = {}
    for one in list(endpoint.received):
        ids.setdefault((one.call_id, one.event), set()).add(one.id)
    assert all(len(same) == 1 for same in ids.values()), "an id changed between two attempts"
    usage = system.edge.get("/cac", params={"accountId": account_id}).json()
    assert usage["calls"] == []


def _announced(endpoint: Sink) -> set[str]:
    events: dict[str, set[str]] = {}
    for one in list(endpoint.received):
        events.setdefault(one.call_id, set()).add(one.event)
    both = {"call.started", "call.ended"}
    return {call_id for call_id, seen in events.items() if seen >= both}


@pytest.mark.parametrize(
    "victim", ["worker-1", "edge-1", "projector", "relay", "sender", "api", "nats", "postgres"]
)
def test_kill_9_under_load_loses_nothing_that_was_acknowledged(
    own_system: System, endpoint: Sink, victim: str
) -> None:
    document, load = prepared(own_system, endpoint)
    with load.running():
        time.sleep(1.0)
        before = len(load.finished)
        _kill(own_system, victim)
        began = time.monotonic()
        eventually(lambda: len(load.finished) > before + 20, 20)
        stalled = time.monotonic() - began
        time.sleep(1.0)
    assert before > 0, "there was no load"
    assert stalled < 15
    own_system.wait_ready()
    assert_nothing_lost(own_system, document, load.finished, endpoint)


def test_postgres_comes_back_though_it_cannot_start_at_once(own_system: System) -> None:
    """A session that outlives the server keeps its memory, and no new server starts beside it."""
    server = server_pid(own_system, "postgres")
    session = next(pid for pid in _children(server) if b"idle" in _command(pid))
    os.kill(session, signal.SIGSTOP)
    os.kill(server, signal.SIGKILL)
    time.sleep(2.0)
    assert own_system.process is not None
    assert own_system.process.poll() is None, "the supervisor has given up"
    os.kill(session, signal.SIGCONT)
    own_system.wait_ready()


def _kill(system: System, victim: str) -> None:
    if victim in ("nats", "postgres"):
        os.kill(server_pid(system, victim), signal.SIGKILL)
    else:
        system.kill(victim)


def server_pid(system: System, name: str) -> int:
    """The embedded server that is a child of this system's supervisor."""
    assert system.process is not None
    program = {"nats": b"nats-server", "postgres": b"postgres"}[name]
    pids = _children(system.process.pid)
    for pid in pids:
        if _command(pid).split(b"\0")[0].endswith(program):
            return pid
    raise AssertionError(f"no {name} among {pids}")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_kill_9_of_the_supervisor_leaves_nothing_running(own_system: System) -> None:
    assert own_system.process is not None
    children = _children(own_system.process.pid)
    assert len(children) >= 8
    own_system.process.kill()
    own_system.process.wait(5)
    eventually(lambda: not any(_is_alive(pid) for pid in children), 10)


def _is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_ctrl_c_drains_and_stops_all_and_the_data_survives(own_system: System) -> None:
    document = acme()
    own_system.apply(document)
    number, call_id = document["numbers"][0]["e164"], new_call_id()
    own_system.route(call_id, number)
    key = own_system.key(document["account"]["id"])
    began = time.monotonic()
    assert own_system.stop() == 0
    assert time.monotonic() - began < 10
    own_system.start()
    assert own_system.call(key, call_id)["call_id"] == call_id
    own_system.report(call_id, "end")
    assert own_system.call(key, call_id)["disposition"] == "abandoned"


def test_a_second_up_in_the_same_data_directory_is_refused(own_system: System) -> None:
    done = own_system.cli("up", "--no-demo")
    assert done.returncode == 1
    assert "already runs" in done.stderr
    assert own_system.edge.get("/readyz").status_code == 200


def test_without_a_worker_the_answer_is_503_at_once() -> None:
    system = System(workers="0")
    system.start(wait=False)
    try:
        eventually(lambda: system.edge.get("/healthz").status_code == 200)
        began = time.monotonic()
        body = {"callId": new_call_id(), "from": "1", "to": "12025550123"}
        answer = system.edge.post("/route", json=body)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert time.monotonic() - began < 1
        assert system.edge.get("/readyz").status_code == 503
    finally:
        system.close()


def test_a_stopped_worker_past_its_lease_writes_nothing_when_it_wakes_up(
    endpoint: Sink,
) -> None:
    """Split brain: SIGSTOP one of two workers, its partitions move, then it goes on."""
    system = System(workers="2", webhook_retry_sec="0.2")
    try:
        system.start()
        document, load = prepared(system, endpoint)
        with load.running():
            time.sleep(1.5)
            for victim in ("worker-1", "worker-2"):
                pid = system.kill(victim, signal.SIGSTOP)
                stopped = len(load.finished)
                eventually(lambda n=stopped: len(load.finished) > n + 20, 20)  # type: ignore[misc]
                os.kill(pid, signal.SIGCONT)
                woken = len(load.finished)
                eventually(lambda n=woken: len(load.finished) > n + 20, 20)  # type: ignore[misc]
                time.sleep(1.5)
        assert_nothing_lost(system, document, load.finished, endpoint)
    finally:
        system.close()


def test_workers_share_the_partitions_and_the_survivor_takes_all_within_five_seconds(
    endpoint: Sink,
) -> None:
    system = System(workers="2")
    try:
        system.start()
        documents = [acme() for _ in range(6)]
        for document in documents:
            system.apply(document)

        def all_routed() -> bool:
            return all(
                system.edge.post(
                    "/route",
                    json={"callId": new_call_id(), "from": "1", "to": d["numbers"][0]["e164"]},
                ).status_code
                == 200
                for d in documents
            )

        eventually(all_routed)
        pid = system.kill("worker-2", signal.SIGSTOP)
        began = time.monotonic()
        eventually(all_routed, 15)
        taken_over = time.monotonic() - began
        os.kill(pid, signal.SIGCONT)
        assert taken_over < 5.0 + 3.0, "five seconds, and the timeout of one request"
    finally:
        system.close()
