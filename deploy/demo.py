"""What `callplane up` shows on a first run: the quickstart's account with a contact center beside
it, a key, simulated callers and agents, a trace."""

import asyncio
import contextlib
import logging
from contextlib import AsyncExitStack
from importlib.resources import files

import aiohttp
import yaml

from deploy import connections, parts
from deploy.connections import Servers
from deploy.settings import Settings
from deploy.simulator import wire
from deploy.simulator.clock import Clock
from deploy.simulator.edge import SimulatedEdge
from deploy.simulator.office import Office, office_of
from deploy.simulator.plan import Habits, Plan
from deploy.simulator.tally import Tally
from events.base import AccountId
from gateways import manifest
from gateways.provisioning import Provisioner
from gateways.speech import prompts
from gateways.store.reader import Reader
from projections import directory

log = logging.getLogger("callplane.demo")

ACCOUNT = AccountId("acc_01jf18ah3jeb5w6dfp27sgjsbt")
EXAMPLES = ("quickstart.yaml", "contact-center.yaml")
LINES = (0.25, 0.75)
"""How much their numbers are called."""
SEED = 2
GRACE = 2.0
"""Seconds in which all calls are hung up at the end."""


async def demo(settings: Settings, servers: Servers, rate: float) -> None:
    """Prepare the account, say where things are, and place calls until told to stop."""
    stop = connections.stop_on_signal()
    edge_url = f"http://{settings.bind}:{settings.edge_port}"
    if not await _ready(edge_url, stop):
        return
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connections.bus(servers, "demo"))
        reader = await stack.enter_async_context(connections.reading(servers))
        commander = await stack.enter_async_context(connections.commanding(client))
        provisioner = parts.provisioner(settings, commander, reader)
        for text in _examples():
            await _apply(text, settings, reader, provisioner)
        key = await _key(settings, provisioner)
        language = await _language(reader)
    office = office_of(*(yaml.safe_load(text) for text in _examples()))
    print(_welcome(settings, key, office), flush=True)  # noqa: T201
    shown = False

    async def show_first(call_id: str) -> None:
        nonlocal shown
        if not shown:
            shown = True
            await _print_trace(edge_url, call_id)

    clock, tally = Clock(), Tally()
    plan = Plan(SEED, len(office.seats), LINES, Habits(rate=rate))
    making = asyncio.create_task(_make_prompts(settings, language))
    async with wire.connected(edge_url, clock, tally) as to_edge:
        simulated = asyncio.create_task(SimulatedEdge(to_edge, office, plan, show_first).run())
        async with connections.background(stop, making, simulated):
            await stop.wait()
            clock.close()
            with contextlib.suppress(TimeoutError):  # the edge may be gone already
                await asyncio.wait_for(simulated, GRACE)


async def _ready(edge_url: str, stop: asyncio.Event) -> bool:
    async with aiohttp.ClientSession() as http:
        while not stop.is_set():
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with http.get(f"{edge_url}/readyz") as answer:
                    if answer.status == 200:
                        return True
            await asyncio.sleep(0.05)
    return False


def _examples() -> list[str]:
    return [(files("deploy") / "examples" / name).read_text() for name in EXAMPLES]


async def _apply(text: str, settings: Settings, reader: Reader, provisioner: Provisioner) -> None:
    vault = parts.vault(settings, reader)
    await manifest.apply(manifest.parse(text), reader, vault, provisioner, "demo")


async def _key(settings: Settings, provisioner: Provisioner) -> str:
    """The demo key: made once, kept in the data directory, so that it can be shown again."""
    file = settings.data_dir / "secrets" / "demo_key"
    if file.exists():
        return file.read_text().strip()
    members = {"name": "demo", "kind": "sk", "scopes": ["*"]}
    written = await provisioner.create(ACCOUNT, "api_key", members, "demo")
    file.touch(mode=0o600)
    file.write_text(written.revealed["key"])
    return written.revealed["key"]


async def _language(reader: Reader) -> str:
    await reader.caught_up("directory")
    found = await reader.query(lambda cursor: directory.one(cursor, ACCOUNT, "account", ACCOUNT))
    return str(found["body"]["language"]) if found else "en-US"


async def _make_prompts(settings: Settings, language: str) -> None:
    """While calls come in; without its prompts the demo runs all the same."""
    try:
        wish = prompts.wish(language, None, None)
        async with parts.speaking(settings) as voice:
            done = await prompts.generate(voice, parts.objects(settings), wish)
    except Exception as error:
        log.warning("the prompts are not made: %s", error)
        return
    for result in done["results"]:
        if "detail" in result:
            log.warning("%(key)s is not made: %(detail)s", result)


def _welcome(settings: Settings, key: str, office: Office) -> str:
    host, number, dana = settings.bind, office.numbers[0], office.seats[0]
    return f"""
Callplane is up. Ctrl-C stops it; the data stays in {settings.data_dir}.

  edge control plane   http://{host}:{settings.edge_port}   /auth /route /flow /presence/event …
  public API           http://{host}:{settings.api_port}   /v1/calls …, /v1/openapi.json
  realtime             http://{host}:{settings.realtime_port}   /wallboard, /debug
  console              http://{host}:{settings.console_port}   health only, so far
  SIP capture          {settings.hep_bind}:{settings.hep_port}   HEP v3, UDP and TCP

  account   {ACCOUNT}
  number    +{number}
  phone     {dana.username}@{dana.realm}, password {dana.password}
  demo key  {key}

  wallboard            http://{host}:{settings.realtime_port}/wallboard#key={key}

  curl -X POST http://{host}:{settings.edge_port}/route -H 'content-type: application/json' \\
    -d '{{"callId": "hello", "from": "+14155551234", "to": "{number}"}}'
  curl http://{host}:{settings.api_port}/v1/calls?limit=3 -H 'x-api-key: {key}'

Simulated callers call, and five simulated agents answer them. The trace of the first one that ends:
"""


async def _print_trace(edge_url: str, call_id: str) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{edge_url}/calls/{call_id}/trace", params={"format": "text"}) as answer,
    ):
        print(await answer.text(), flush=True)  # noqa: T201
