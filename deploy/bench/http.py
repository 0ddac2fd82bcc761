"""`route`, `auth` and `flow`: the edge's questions, against a server that does nothing."""

import secrets
import time
from collections.abc import Iterator
from itertools import count, cycle

import aiohttp
import orjson

from deploy.bench import load
from deploy.bench.load import Request, Result
from deploy.bench.report import Report, median, spread
from deploy.bench.rig import (
    NUMBER,
    PASSWORD,
    REALM,
    USERNAME,
    Rig,
    empty_server,
    interleaved,
    running_system,
)
from deploy.settings import made_secret
from domain import digest
from domain.digest import Answer

CONCURRENCY = 64
CALLS = 500
"""In flows at the same time; enough that none comes to the end of its patience."""
EMPTY = load.post("/empty", b'{"callId":"abc","from":"+14155551234","to":"12025550123"}')


async def route(runs: int, seconds: float) -> Report:
    """POST /route of an inbound call to a number's flow: admitted, durable, answered."""
    async with running_system() as rig:
        with empty_server() as empty:
            return await _compared("route", rig, _route_requests(), empty, runs, seconds, 2_000)


async def auth(runs: int, seconds: float) -> Report:
    """POST /auth with a good digest, nonce and counter checked."""
    async with running_system() as rig:
        with empty_server() as empty:
            return await _compared("auth", rig, _auth_requests(rig), empty, runs, seconds, 1_000)


async def flow(runs: int, seconds: float) -> Report:
    """A step of POST /flow: a digit, one durable fact, the next question."""
    async with running_system() as rig:
        requests = await _steps(rig)
        with empty_server() as empty:
            return await _compared("flow", rig, requests, empty, runs, seconds, 2_000)


async def _compared(
    name: str,
    rig: Rig,
    request: Request,
    empty_port: int,
    runs: int,
    seconds: float,
    paced: float,
) -> Report:
    results: dict[str, list[Result]] = {}

    async def measured(label: str, port: int, what: Request, connections: int) -> float:
        result = await load.closed_loop(port, what, connections, seconds)
        results.setdefault(label, []).append(result)
        return result.rate

    async def at_pace() -> float:
        result = await load.open_loop(rig.edge_port, request, paced, seconds)
        results.setdefault("paced", []).append(result)
        return result.p99_ms

    await load.closed_loop(rig.edge_port, request, 16, min(2.0, seconds))  # warm up
    ours, limit, *_ = await interleaved(
        runs,
        lambda: measured("64", rig.edge_port, request, CONCURRENCY),
        lambda: measured("limit", empty_port, lambda: EMPTY, CONCURRENCY),
        lambda: measured("16", rig.edge_port, request, 16),
        lambda: measured("1", rig.edge_port, request, 1),
        at_pace,
    )
    at_64 = results["64"]
    return Report(
        bench=name,
        unit="requests/s",
        ours=median(ours),
        limit=median(limit),
        p50_ms=median([result.p50_ms for result in at_64]),
        p99_ms=median([result.p99_ms for result in at_64]),
        runs=runs,
        spread=spread(ours),
        detail={
            "at 16 concurrent": median([r.rate for r in results["16"]]),
            "at 1": median([r.rate for r in results["1"]]),
            f"p50_ms at {paced:.0f}/s": median([r.p50_ms for r in results["paced"]]),
            f"p99_ms at {paced:.0f}/s": median([r.p99_ms for r in results["paced"]]),
            "reached of the pace": median([r.rate for r in results["paced"]]),
            "limit spread": spread(limit),
            "refused": sum(result.bad for found in results.values() for result in found),
        },
    )


def _route_requests() -> Request:
    run, numbers = secrets.token_hex(4), count()

    def request() -> bytes:
        body = (
            f'{{"callId":"{run}-{next(numbers)}@bench","from":"+14155551234",'
            f'"to":"{NUMBER}","srcIp":"198.51.100.7"}}'
        )
        return load.post("/route", body.encode())

    return request


async def _steps(rig: Rig) -> Request:
    """Steps of many calls in turn, all of which wait in a menu that never ends."""
    run, steps = secrets.token_hex(4), list[bytes]()
    base = f"http://127.0.0.1:{rig.edge_port}"
    async with aiohttp.ClientSession(base, raise_for_status=True) as http:
        for number in range(CALLS):
            call_id = f"{run}-{number}@bench"
            ask = {"callId": call_id, "from": "+14155551234", "to": NUMBER}
            async with http.post("/route", json=ask) as answer:
                flow_id = (await answer.json())["rtjson"]["flow_id"]
            async with http.post("/flow", json={"callId": call_id, "flowId": flow_id}):
                steps.append(orjson.dumps({"callId": call_id, "outcome": "digit:1"}))
    turn = cycle([load.post("/flow", step) for step in steps])
    return lambda: next(turn)


def _auth_requests(rig: Rig) -> Request:
    made = _digests(made_secret(rig.settings, "nonce_secret"))
    return lambda: next(made)


def _digests(nonce_secret: str) -> Iterator[bytes]:
    """REGISTERs of one phone: a nonce is used with rising counters, as phones do."""
    ha1 = digest.credential(USERNAME, REALM, PASSWORD).ha1
    while True:
        nonce, cnonce = digest.make_nonce(nonce_secret, int(time.time())), secrets.token_hex(4)
        for counter in range(1, 2_000):
            answer = Answer(
                username=USERNAME,
                realm=REALM,
                nonce=nonce,
                uri=f"sip:{REALM}",
                method="REGISTER",
                response="",
                qop="auth",
                nc=f"{counter:08x}",
                cnonce=cnonce,
            )
            body = {
                "username": USERNAME,
                "realm": REALM,
                "nonce": nonce,
                "uri": answer.uri,
                "method": "REGISTER",
                "qop": "auth",
                "nc": answer.nc,
                "cnonce": answer.cnonce,
                "response": digest.expected_response(ha1, answer),
            }
            yield load.post("/auth", orjson.dumps(body))
