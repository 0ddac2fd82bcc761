"""Fixtures: one Callplane with one Kamailio in front, where each test has its own account; and one
Kamailio that asks a scripted control plane."""

import sys
from collections.abc import Iterator

import pytest

from tests.edge import net, scripted, sink
from tests.edge.kamailio import Kamailio
from tests.edge.office import Edge
from tests.edge.scripted import NODE_TOKEN, ScriptedControl
from tests.edge.sink import Sink
from tests.support.system import System

NONCE_SECRET = "nonces of the edge tests"
HEP_KEY = "messages of the edge tests"
MEDIA = "127.0.0.40"


@pytest.fixture(scope="session")
def subscriber() -> Iterator[Sink]:
    with sink.listening() as listening:
        yield listening


@pytest.fixture(scope="session")
def running_edge(subscriber: Sink) -> Iterator[Edge]:
    with_media = net.free_udp_port(MEDIA)
    media_uri = f"sip:flow@{MEDIA}:{with_media}"
    system = System(
        nonce_secret=NONCE_SECRET,
        webhook_retry_sec="0.2",
        media_uri=media_uri,
        hep_key=HEP_KEY,
    )
    kamailio = Kamailio(
        system.edge_url,
        NONCE_SECRET,
        media_uri=media_uri,
        hep_uri=f"sip:127.0.0.1:{system.hep_port}",
        hep_key=HEP_KEY,
        hep_id="7",
    )
    try:
        system.start()
        kamailio.start()
        yield Edge(system, kamailio, subscriber, with_media)
    finally:
        kamailio.close()
        system.close()


@pytest.fixture
def edge(running_edge: Edge) -> Iterator[Edge]:
    """The shared edge; what SIPp plays in a test ends with it. A failure shows the edge's log."""
    running_edge.runs = []
    log = running_edge.kamailio.log
    seen = log.stat().st_size
    yield running_edge
    running_edge.close()
    sys.stderr.write(log.read_bytes()[seen:].decode(errors="replace"))


@pytest.fixture(scope="session")
def running_control() -> Iterator[ScriptedControl]:
    with scripted.answering() as control:
        yield control


@pytest.fixture(scope="session")
def running_kamailio(running_control: ScriptedControl) -> Iterator[Kamailio]:
    url = running_control.url
    kamailio = Kamailio(url, NONCE_SECRET, control_timeout="2", node_token=NODE_TOKEN)
    try:
        kamailio.start()
        yield kamailio
    finally:
        kamailio.close()


@pytest.fixture
def control(running_control: ScriptedControl) -> Iterator[ScriptedControl]:
    """A control plane that takes every report and answers what the test says."""
    running_control.forget()
    yield running_control
    running_control.forget()


@pytest.fixture
def kamailio(running_kamailio: Kamailio, control: ScriptedControl) -> Kamailio:
    """The edge that asks `control`."""
    return running_kamailio
