"""`up` and the processes it is made of."""

import atexit
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Any

import typer
import uvloop

from deploy import demo as demonstration
from deploy import logs, observing, runfile, wiring
from deploy.cli import Json, say
from deploy.connections import Servers
from deploy.settings import Settings, load, made_secret
from deploy.supervisor import Child, Supervisor, tune_interpreter
from domain.errors import Fault, Invalid
from gateways.store.migrate import migrate as apply_migrations

BEHIND = 5
"""Niceness of what follows the store: where processors are short, a caller's answer goes first."""


class Service(StrEnum):
    EDGE = "edge"
    API = "api"
    REALTIME = "realtime"
    CONSOLE = "console"
    HEP = "hep"


def up(
    demo: bool = typer.Option(True, help="The quickstart's account and simulated calls."),
    rate: float = typer.Option(0.3, min=0.01, max=1000, help="Simulated calls per second."),
) -> None:
    """Run everything: servers, services, workers, projections, relay, webhooks."""
    settings, _ = load()
    logs.configure(settings, "supervisor")
    supervisor = Supervisor(settings)
    supervisor.claim_data_dir()
    for name in ("secret_key", "nonce_secret", "session_secret"):
        made_secret(settings, name)  # before the processes could race for it
    try:
        servers = supervisor.start_servers()
        for name in apply_migrations(servers.database_url):
            logging.getLogger("callplane").info("migrated: %s", name)
        supervisor.children = _children(settings, servers, rate if demo else None)
        supervisor.run(servers)
    except KeyboardInterrupt:
        supervisor.stop()
    except BaseException:
        supervisor.stop()
        raise


def _children(settings: Settings, servers: Servers, demo_rate: float | None) -> list[Child]:
    """What `up` runs, in the order of their stages."""

    def forever(name: str, stage: int, make: Callable[[], Coroutine[Any, Any, None]]) -> Child:
        return Child(name, lambda: uvloop.run(make()), stage)

    children = [
        forever(f"worker-{slot}", 1, partial(wiring.worker, settings, servers, slot))
        for slot in range(1, settings.workers + 1)
    ]
    children += [
        replace(child, niceness=BEHIND)
        for child in (
            Child("projector", partial(wiring.projector, servers), 0),
            forever("relay", 0, partial(wiring.relay, settings, servers)),
            forever("sender", 0, partial(wiring.sender, settings, servers)),
        )
    ]
    children += [
        forever(f"edge-{slot}", 2, partial(wiring.edge, settings, servers))
        for slot in range(1, settings.gateways + 1)
    ]
    children.append(forever("api", 2, partial(wiring.api, settings, servers)))
    children.append(forever("realtime", 2, partial(wiring.realtime, settings, servers)))
    children.append(forever("console", 2, partial(wiring.console, settings, servers)))
    if settings.hep_port:
        taking = forever("hep", 2, partial(wiring.hep, settings, servers))
        children.append(replace(taking, niceness=BEHIND))
    if demo_rate is not None:
        show = partial(demonstration.demo, settings, servers, demo_rate)
        children.append(forever("demo", 3, show))
    return children


def serve(service: Service) -> None:
    """Run one service against the bus and the store that are set."""
    settings, servers = _prepared(service.value)
    match service:
        case Service.EDGE:
            uvloop.run(wiring.edge(settings, servers))
        case Service.API:
            uvloop.run(wiring.api(settings, servers))
        case Service.REALTIME:
            uvloop.run(wiring.realtime(settings, servers))
        case Service.CONSOLE:
            uvloop.run(wiring.console(settings, servers))
        case Service.HEP:
            if not settings.hep_port:
                raise Invalid("there is no port to listen at", [Fault("/HEP_PORT", "is 0")])
            uvloop.run(wiring.hep(settings, servers))


def worker(
    slot: int = typer.Option(1, min=1, help="Number of this worker on this machine."),
) -> None:
    """Run a command worker."""
    settings, servers = _prepared(f"worker-{slot}")
    observing.show_metrics(settings)
    uvloop.run(wiring.worker(settings, servers, slot))


def project() -> None:
    """Run the projections."""
    settings, servers = _prepared("projector")
    observing.show_metrics(settings)
    wiring.projector(servers)


def relay() -> None:
    """Publish stored events on the bus."""
    settings, servers = _prepared("relay")
    observing.show_metrics(settings)
    uvloop.run(wiring.relay(settings, servers))


def send() -> None:
    """Deliver webhooks."""
    settings, servers = _prepared("sender")
    observing.show_metrics(settings)
    uvloop.run(wiring.sender(settings, servers))


def migrate(json: bool = Json) -> None:
    """Bring the database to this release."""
    settings, _ = load()
    logs.configure(settings, "migrate")
    url = settings.database_url or runfile.servers(settings).database_url
    applied = apply_migrations(url)
    say({"applied": applied}, json, "\n".join(applied) or "nothing to do")


def _prepared(process: str) -> tuple[Settings, Servers]:
    settings, _ = load()
    atexit.register(observing.begin(settings, process))
    tune_interpreter()
    return settings, runfile.servers(settings)
