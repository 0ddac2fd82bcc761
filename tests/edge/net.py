"""UDP on loopback: ports, and SIP requests written by hand, where SIPp is too well-behaved."""

import itertools
import socket
import uuid
from pathlib import Path

_branches = itertools.count()


def free_udp_port(address: str) -> int:
    return _free_port(address, socket.SOCK_DGRAM)


def free_tcp_port(address: str) -> int:
    return _free_port(address, socket.SOCK_STREAM)


def _free_port(address: str, kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind((address, 0))
        port: int = found.getsockname()[1]
        return port


def is_bound(port: int) -> bool:
    """Whether some process of this machine listens at the UDP port."""
    lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") for line in lines)


def ask(address: str, port: int, request: str, timeout: float = 3.0) -> str:
    """The first answer that is not provisional; empty when there is none in time."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        client.sendto(request.encode(), (address, port))
        try:
            while True:
                answer = client.recv(65_535).decode()
                if not answer.startswith("SIP/2.0 1"):
                    return answer
        except TimeoutError:
            return ""


def request(
    method: str,
    uri: str,
    *headers: str,
    from_: str = "<sip:somebody@elsewhere.example>",
    to: str | None = None,
    call_id: str | None = None,
    cseq: int = 1,
) -> str:
    branch = f"z9hG4bK-by-hand-{uuid.uuid4().hex}-{next(_branches)}"
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:9;rport;branch={branch}",
        "Max-Forwards: 70",
        f"From: {from_};tag=by-hand",
        f"To: {to or f'<{uri}>'}",
        f"Call-ID: {call_id or uuid.uuid4().hex}",
        f"CSeq: {cseq} {method}",
        "Contact: <sip:somebody@127.0.0.1:9>",
        *headers,
        "Content-Length: 0",
    ]
    return "\r\n".join(lines) + "\r\n\r\n"


def options(address: str, port: int) -> str:
    return request("OPTIONS", f"sip:{address}:{port}")
