"""A routing decision in the words of the edge: the seed's members and Kamailio's `rtjson` beside
them.

Kamailio's module (`rtjson_push_routes`) wants `version`, `routing` and a non-empty `routes`;
timers in milliseconds; `headers.extra` raw and CRLF-terminated. Whatever comes from outside into
a header is checked here, so that no caller can smuggle a line into a request.
"""

import re
from typing import Any

from events.call import CallRouted, Carrier, ProxyToUser, Reject, RunFlow, SendOut

MAX_HEADER_VALUE = 512
_NUMBER = re.compile(r"[0-9A-Za-z+*#._-]{1,64}")


def render(routed: CallRouted, media_uri: str) -> dict[str, Any]:
    """The `rtjson` object. `media_uri` is where flows are run (a SIP URI)."""
    match routed.directive:
        case RunFlow() as flow:
            return {
                "action": "flow",
                "account_id": routed.account_id,
                "flow_id": flow.flow_id,
                "flow_version": flow.flow_version,
                "vars": flow.vars,
                **_kamailio([_route(media_uri, _media_headers(routed, flow))]),
            }
        case ProxyToUser() as proxy:
            return {
                "action": "proxy",
                "account_id": routed.account_id,
                "user_id": proxy.user_id,
                "aors": [fork.model_dump() for fork in proxy.aors],
                "caller_id": proxy.caller_id,
                "ring_timeout_sec": proxy.ring_timeout_sec,
                "on_fail": _target(proxy),
                **_kamailio(
                    [_route(fork.aor, {}, fork.timeout_sec) for fork in proxy.aors],
                    "parallel" if proxy.parallel else "serial",
                ),
            }
        case SendOut() as out:
            return {
                "action": "outbound",
                "account_id": routed.account_id,
                "trunk_id": out.trunk_id,
                "wholesale": int(out.trunk_id is None),
                "gateways": [_gateway(carrier) for carrier in out.gateways],
                "number": out.number,
                "caller_id": out.caller_id,
                "max_duration_sec": out.max_duration_sec,
                **_kamailio([_carrier_route(routed, out, carrier) for carrier in out.gateways]),
            }
        case Reject() as reject:
            answer: dict[str, Any] = {
                "action": "reject",
                "code": reject.code,
                "reason": reject.reason,
            }
            if reject.retry_after is not None:
                answer["retry_after"] = reject.retry_after
            return answer


def _target(proxy: ProxyToUser) -> dict[str, str | None] | None:
    if proxy.on_fail_kind is None:
        return None
    return {"dest_kind": proxy.on_fail_kind, "dest_id": proxy.on_fail_id}


def _gateway(carrier: Carrier) -> dict[str, Any]:
    return {
        "uri": carrier.uri,
        "trunk_id": carrier.trunk_id,
        "transport": carrier.transport,
        "realm": carrier.realm,
        "auth_username": carrier.auth_username,
        "auth_secret_ref": carrier.auth_secret_ref,
    }


def _media_headers(routed: CallRouted, flow: RunFlow) -> dict[str, str]:
    return {
        "X-Account-Id": routed.account_id,
        "X-Flow-Id": flow.flow_id,
        "X-Edge-Call-Id": routed.call_id,
    }


def _carrier_route(routed: CallRouted, out: SendOut, carrier: Carrier) -> dict[str, Any]:
    host = carrier.from_domain or carrier.uri.rpartition("@")[2]
    headers: dict[str, str] = {}
    if _NUMBER.fullmatch(out.caller_id):
        headers["P-Asserted-Identity"] = f"<sip:{out.caller_id}@{host}>"
    uri = carrier.uri
    if carrier.transport != "udp":
        uri += f";transport={carrier.transport}"
    return _route(uri, headers)


def _kamailio(routes: list[dict[str, Any]], routing: str = "serial") -> dict[str, Any]:
    return {"version": "1.0", "routing": routing, "routes": routes}


def _route(uri: str, headers: dict[str, str], timeout_sec: int = 120) -> dict[str, Any]:
    extra = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if _is_safe(value))
    return {
        "uri": uri,
        "dst_uri": "",
        "headers": {"extra": extra},
        "branch_flags": 0,
        "fr_timer": 5_000,
        "fr_inv_timer": timeout_sec * 1_000,
    }


def _is_safe(value: str) -> bool:
    """Visible ASCII and spaces, nothing that could end a header line."""
    return value.isascii() and value.isprintable() and len(value) <= MAX_HEADER_VALUE


OVER: dict[str, Any] = {
    "action": "reject",
    "code": 481,
    "reason": "Call/Transaction Does Not Exist",
}
"""The answer to a route request for a session that is over, or is another account's."""
