"""Where the parts are put together: one function per kind of process.

edge       HTTP control plane and the bus's edge events   ─► commands to workers
worker     command loop of its partitions                 ─► stored events
projector  stored events                                  ─► read models
relay      stored events                                  ─► JetStream EVENTS
sender     outbox, owed mails, months that are over      ─► webhooks, mail, archive
hep        SIP messages from capture agents               ─► traces
api, realtime, console                                       HTTP services
"""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial

from litestar import Litestar
from nats.aio.client import Client

from commands.loop import Loop
from commands.world import Options, World
from deploy.connections import (
    Servers,
    background,
    bus,
    clock,
    commanding,
    connected,
    reading,
    stop_on_signal,
)
from deploy.parts import copies, keyring, objects, platform, provisioner, speaking, vault
from deploy.settings import Settings, carrier_secrets, made_secret
from domain.addresses import Ranges
from domain.detection import rules_from
from events.base import AccountId
from gateways import metrics
from gateways.access import Gate
from gateways.addresses import Proxies, networks
from gateways.archive.moving import archive_for_ever
from gateways.archive.reading import CallLog
from gateways.bus.client import Commander
from gateways.bus.connection import PARTITIONS, ensure_streams
from gateways.bus.edge import EdgeBus
from gateways.bus.leases import Leases
from gateways.bus.nodes import Nodes
from gateways.bus.observed import Observed
from gateways.bus.ops import EdgeOps
from gateways.bus.relay import Relay
from gateways.bus.worker import Worker
from gateways.carriers import CarrierHooks
from gateways.dnc import Importer
from gateways.edge.callbacks import Callbacks
from gateways.edge.control import EdgeControl
from gateways.edge.polls import Polls
from gateways.edge.requests import FlowRequests
from gateways.edge.steering import Steering
from gateways.following import Followers
from gateways.gauges import Gauges
from gateways.hep.book import Book
from gateways.hep.listener import Listener
from gateways.http.asgi import Endpoint, fast_paths
from gateways.http.buckets import Buckets
from gateways.http.console import login_endpoint
from gateways.http.control.app import ControlPlane
from gateways.http.control.media import Media
from gateways.http.control.speech import Prompts
from gateways.http.failures import PROBLEM_HANDLERS
from gateways.http.health import health_endpoints, partitions_served, readiness
from gateways.http.limits import Limits, limited
from gateways.http.pages import page_endpoints
from gateways.http.realtime.app import realtime as live_views
from gateways.http.server import GRACE, serve
from gateways.http.v1.app import api as public_api
from gateways.http.v1.context import Context
from gateways.http.v1.figures import start_of_day
from gateways.http.visits import Asgi, measured
from gateways.locator import Locator
from gateways.mail.sender import MailSender
from gateways.mail.server import mail_server
from gateways.media.mailroom import Mailroom
from gateways.media.objects import ObjectStore
from gateways.passwords import Passwords
from gateways.realtime.hub import Hub
from gateways.realtime.tap import Tap
from gateways.realtime.tickets import Tickets
from gateways.realtime.viewers import Viewers
from gateways.security import Security
from gateways.sessions import Sessions, keys_from
from gateways.speech.rendering import Rendering
from gateways.store import boards
from gateways.store.events import PgStore
from gateways.store.guesses import Guesses
from gateways.store.last_used import LastUsed
from gateways.store.projector import Projector
from gateways.store.reader import Reader
from gateways.store.requests import Requests
from gateways.store.secrets import Opened
from gateways.webhooks.disabling import Disabler
from gateways.webhooks.sender import Sender
from projections.wallboard.board import Board

log = logging.getLogger("callplane")


def options(settings: Settings) -> Options:
    """What decisions need to know of the settings."""
    return Options(
        platform=platform(settings),
        nonce_secret=made_secret(settings, "nonce_secret"),
        media_uri=settings.media_uri,
        answered_idle_ms=settings.cac_idle_sec * 1000,
        ban_rules=rules_from(settings.ban_rules),
        spared=Ranges(
            str(one)
            for one in (*networks(settings.node_cidrs), *networks(settings.trusted_proxies))
        ),
    )


# Processes


async def worker(settings: Settings, servers: Servers, slot: int) -> None:
    """Serve commands until told to stop. `slot` numbers the workers of this machine."""
    name = f"{settings.worker_name or socket.gethostname()}-{slot}"
    store = PgStore(servers.database_url, keyring(settings))
    async with bus(servers, f"worker {name}") as client:
        await ensure_streams(client, settings.events_retention_days)
        leases = Leases(client, await client.jetstream().key_value(PARTITIONS), name)
        world = World(options(settings), settings.max_accounts, settings.max_calls)
        loop = Loop(
            store,
            world,
            clock,
            on_fenced=lambda partitions: served.lost(partitions),
            on_store_down=lambda: served.store_down(),
            observer=Observed(),
        )
        served = Worker(client, leases, store, loop)
        await served.run(stop_on_signal())
    store.close()


async def edge(settings: Settings, servers: Servers) -> None:
    """The edge control plane."""
    stop = stop_on_signal()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(bus(servers, "edge"))
        await ensure_streams(client, settings.events_retention_days)
        reader = await stack.enter_async_context(reading(servers))
        commander = await stack.enter_async_context(commanding(client))
        locator = Locator(reader)
        nodes = Nodes(client)
        security = Security(commander, reader, nodes)
        callbacks = Callbacks(commander, reader)
        await EdgeOps(client, nodes, callbacks).start()
        opened = vault(settings, reader)
        media = objects(settings)
        voice = await stack.enter_async_context(speaking(settings))
        rendering = await stack.enter_async_context(Rendering(voice, media))
        allowed = networks(settings.webhook_allow_cidrs)
        polls = Polls(commander, callbacks)
        control = EdgeControl(
            commander,
            locator,
            Steering(reader),
            await stack.enter_async_context(FlowRequests(allowed, opened)),
            rendering,
            callbacks,
            polls,
            made_secret(settings, "nonce_secret"),
            Opened(opened),
        )
        following = asyncio.create_task(locator.follow())
        consuming = asyncio.create_task(EdgeBus(client, control, security).run())
        closing = asyncio.create_task(polls.close_at(stop))
        followers = Followers(reader)
        leaving = asyncio.create_task(followers.close_at(stop))
        await stack.enter_async_context(background(stop, following, consuming, closing, leaving))
        plane = ControlPlane(
            edge=control,
            security=security,
            commander=commander,
            locator=locator,
            reader=reader,
            carriers=CarrierHooks(
                carrier_secrets(settings.carrier_hooks), commander, locator, reader, time.time
            ),
            gate=Gate(networks(settings.node_cidrs), settings.admin_token),
            trusted_proxies=networks(settings.trusted_proxies),
            api_url=f"http://{settings.bind}:{settings.api_port}/v1",
            max_body=settings.max_body_bytes,
            media=Media(media, settings.max_media_bytes, Mailroom(commander, reader)),
            max_media=settings.max_media_bytes,
            prompts=Prompts(voice, media),
            followers=followers,
        )
        app = application([*plane.endpoints(), *_health(client, reader, locator, media)])
        await serve(app, settings.bind, settings.edge_port, stop)


async def api(settings: Settings, servers: Servers) -> None:
    """The public API."""
    stop = stop_on_signal()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(bus(servers, "api"))
        reader = await stack.enter_async_context(reading(servers))
        commander = await stack.enter_async_context(commanding(client))
        context = public_context(settings, client, commander, reader)
        pruning = asyncio.create_task(context.requests.prune())
        closing = asyncio.create_task(context.followers.close_at(stop))
        await stack.enter_async_context(background(stop, pruning, closing))
        url = f"http://{settings.bind}:{settings.api_port}"
        health = _health(client, reader, None, context.objects)
        app = public_api(context, health, url, settings.max_body_bytes)
        await serve(
            measured(limited(app, limits(settings))), settings.bind, settings.api_port, stop
        )


async def console(settings: Settings, servers: Servers) -> None:
    """The console: so far, who it is that comes."""
    stop = stop_on_signal()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(bus(servers, "console"))
        reader = await stack.enter_async_context(reading(servers))
        commander = await stack.enter_async_context(commanding(client))
        login = login_endpoint(
            sessions(settings, commander, reader),
            Proxies(networks(settings.trusted_proxies)),
            settings.max_body_bytes,
        )
        app = application([login, *_health(client, reader)])
        await serve(app, settings.bind, settings.console_port, stop)


async def realtime(settings: Settings, servers: Servers) -> None:
    """Live views."""
    stop = stop_on_signal()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(bus(servers, "realtime"))
        await ensure_streams(client, settings.events_retention_days)
        reader = await stack.enter_async_context(reading(servers))
        commander = await stack.enter_async_context(commanding(client))
        viewers = Viewers(settings.max_viewers, partial(_settled, reader))
        hub = Hub(client, partial(_board, reader), _begin_of_day, clock, viewers)
        tasks = (hub.run(), viewers.run(), viewers.close_at(stop))
        running = [asyncio.create_task(task) for task in tasks]
        await stack.enter_async_context(background(stop, *running))
        app = live_views(
            public_context(settings, client, commander, reader),
            Gate(networks(settings.node_cidrs), settings.admin_token),
            hub,
            Tap(client),
            Tickets(client, keyring(settings)),
            [*page_endpoints("wallboard", "debug"), *_health(client, reader)],
            settings.max_body_bytes,
        )
        await serve(app, settings.bind, settings.realtime_port, stop, websockets=True)


async def _settled(reader: Reader) -> None:
    """Keys and console users, and their sessions, are looked up in these."""
    for model in ("directory", "sessions"):
        await reader.caught_up(model)


async def _board(reader: Reader, account_id: AccountId) -> Board:
    return await asyncio.to_thread(boards.load, reader.pool, account_id, _begin_of_day)


def _begin_of_day(timezone: str) -> int:
    return start_of_day(clock(), timezone)


async def relay(settings: Settings, servers: Servers) -> None:
    """Publish every fact on the bus."""
    stop = stop_on_signal()
    async with bus(servers, "relay") as client:
        await ensure_streams(client, settings.events_retention_days)
        await Relay(client, servers.database_url).run(stop)


async def sender(settings: Settings, servers: Servers) -> None:
    """Deliver webhooks, and mail where there is a server for it; archive months that are over."""
    stop = stop_on_signal()
    async with reading(servers) as reader:
        allowed = networks(settings.webhook_allow_cidrs)
        pause = settings.webhook_retry_sec
        secrets = Opened(vault(settings, reader))
        disabler = Disabler(lambda: connected(servers, "sender"))
        keep = settings.webhook_keep_days
        sending = Sender(servers.database_url, reader, secrets, allowed, pause, keep, disabler)
        others = []
        if settings.smtp_url:
            mail = MailSender(
                servers.database_url,
                reader,
                mail_server(settings.smtp_url),
                settings.mail_from,
                settings.mail_retry_sec,
            )
            others.append(asyncio.create_task(mail.run(stop)))
        async with background(stop, *others, *_archiving(settings, servers)):
            await sending.run(stop)
            if others:
                await asyncio.wait(others, timeout=GRACE)


def _archiving(settings: Settings, servers: Servers) -> list[asyncio.Task[None]]:
    """Nothing is lost when it is broken off."""
    if not settings.archive_every_hours:
        return []
    media, every = objects(settings), settings.archive_every_hours * 3_600
    near = copies(settings, media)
    work = archive_for_ever(servers.database_url, media, near, settings.hot_days, every)
    return [asyncio.create_task(work)]


async def hep(settings: Settings, servers: Servers) -> None:
    """Take the SIP messages that capture agents send."""
    stop = stop_on_signal()
    async with reading(servers) as reader:
        book = Book(reader, networks(settings.node_cidrs))
        listener = Listener(book, settings.hep_key, settings.capture_days)
        await listener.run(settings.hep_bind, settings.hep_port, stop)


def projector(servers: Servers) -> None:
    """Keep the read models up to date until told to stop."""
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    running = Projector(servers.database_url, on_page=_observe_page)
    running.run(lambda: stopping)
    running.close()


def _observe_page(reached: Mapping[str, int], count: int, seconds: float) -> None:
    metrics.FACTS_PROJECTED.inc(count)
    metrics.PAGE_SECONDS.observe(seconds)
    for name, position in reached.items():
        metrics.PROJECTION_POSITION.labels(name).set(position)


# Parts


def public_context(
    settings: Settings, client: Client, commander: Commander, reader: Reader
) -> Context:
    """What the handlers of /v1 share, and whoever lets in by the same credentials."""
    sealed, media = vault(settings, reader), objects(settings)
    return Context(
        commander,
        reader,
        provisioner(settings, commander, reader),
        Security(commander, reader, Nodes(client)),
        Importer(commander, reader),
        media,
        settings.max_media_bytes,
        sealed,
        platform(settings),
        LastUsed(reader),
        sessions(settings, commander, reader),
        Proxies(networks(settings.trusted_proxies)),
        Requests(reader.pool, sealed),
        CallLog(reader, copies(settings, media)),
        Followers(reader),
    )


def limits(settings: Settings) -> Limits:
    return Limits(
        Buckets(settings.api_rate, settings.api_burst),
        Buckets(settings.api_stranger_rate, settings.api_stranger_burst),
        networks(settings.trusted_proxies),
    )


def sessions(settings: Settings, commander: Commander, reader: Reader) -> Sessions:
    return Sessions(
        commander,
        reader,
        vault(settings, reader),
        Passwords(),
        Guesses(reader),
        LastUsed(reader),
        keys_from(made_secret(settings, "session_secret")),
    )


def application(endpoints: Sequence[Endpoint]) -> Asgi:
    app = Litestar(
        [one.handler() for one in endpoints],
        exception_handlers=PROBLEM_HANDLERS,
        openapi_config=None,
        logging_config=None,
    )
    return fast_paths(app, endpoints)


def _health(
    client: Client,
    reader: Reader,
    locator: Locator | None = None,
    media: ObjectStore | None = None,
) -> list[Endpoint]:
    async def check() -> dict[str, object]:
        found = await readiness(client, reader)
        if media is not None:
            # calls are routed without it, so a service that lacks it is still ready
            found["objects"] = await media.fault() or True
        if locator is not None and not locator.loaded:
            found |= {"ok": 0, "directory": "loading"}
        return found

    gauges = Gauges(client, reader, partial(partitions_served, client))
    return health_endpoints(check, metrics.exposition, gauges.refresh)
