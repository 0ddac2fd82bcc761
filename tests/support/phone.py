"""A phone's side of digest authentication."""

from typing import Any

from domain import digest
from domain.digest import Algorithm, Answer
from tests.support.system import System


def challenge(system: System, realm: str) -> str:
    answer = system.edge.post("/auth/challenge", json={"realm": realm})
    assert answer.status_code == 200, answer.text
    nonce: str = answer.json()["nonce"]
    return nonce


def authorization(
    device: dict[str, Any],
    nonce: str,
    *,
    password: str | None = None,
    nc: str = "00000001",
    cnonce: str = "0a4f113b",
    qop: str | None = "auth",
    algorithm: Algorithm = Algorithm.MD5,
    username: str | None = None,
) -> dict[str, Any]:
    """The body of POST /auth for a REGISTER of this device."""
    name, realm = device["auth_username"], device["realm"]
    answer = Answer(
        username=username or name,
        realm=realm,
        nonce=nonce,
        uri=f"sip:{realm}",
        method="REGISTER",
        response="",
        algorithm=algorithm,
        qop=qop,
        nc=nc if qop else None,
        cnonce=cnonce if qop else None,
    )
    known = digest.credential(name, realm, password or device["password"])
    if algorithm is Algorithm.SHA256:
        ha1 = known.ha1_sha256
    else:
        ha1 = known.ha1b if "@" in answer.username else known.ha1
    response = digest.expected_response(ha1 or "", answer)
    members = ("username", "realm", "nonce", "uri", "method", "qop", "nc", "cnonce")
    body = {name: getattr(answer, name) for name in members}
    return {**body, "algorithm": algorithm.value, "response": response, "src_ip": "192.0.2.7"}
