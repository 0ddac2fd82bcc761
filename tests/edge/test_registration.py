"""REGISTER with digest: Kamailio challenges, the control plane decides, the roster knows."""

import time

import pytest

from domain import digest
from domain.digest import Answer
from tests.edge import net
from tests.edge.conftest import NONCE_SECRET
from tests.edge.kamailio import ADDRESS
from tests.edge.office import PHONES, Edge, Phone
from tests.support.system import eventually, new_call_id

pytestmark = pytest.mark.edge

CARRIER = "127.0.0.41"


def test_a_phone_with_its_password_is_registered_and_reachable(edge: Edge) -> None:
    office = edge.office()
    office.register(office.alice)
    (contact,) = office.contacts()
    assert contact["contact"] == f"sip:1001@{PHONES}:{office.alice.port}"
    assert contact["device_id"] == office.document["devices"][0]["id"]
    assert contact["user_agent"] == "SIPp phone"
    assert contact["node_id"] == "edge-under-test"
    assert abs(contact["expires_at"] - (time.time() + 3600) * 1000) < 60_000


def test_the_edge_makes_the_nonces_that_the_control_plane_reads(edge: Edge) -> None:
    office = edge.office()
    request = net.request("REGISTER", f"sip:{office.domain}", to=f"<sip:{office.alice.aor}>")
    answer = net.ask(ADDRESS, edge.kamailio.port, request)
    assert answer.startswith("SIP/2.0 401 ")
    assert f'realm="{office.domain}"' in answer
    nonce = digest.read_nonce(NONCE_SECRET, answer.partition('nonce="')[2].partition('"')[0])
    assert nonce is not None
    assert nonce.expires - nonce.born == 300
    assert abs(nonce.born - time.time()) < 60


def test_a_wrong_password_registers_nobody(edge: Edge) -> None:
    office = edge.office()
    run = office.registering(office.alice, password="guess", code=401).wait()
    assert "stale" not in (run.messages[-1].header("WWW-Authenticate") or "")
    office.register(office.bob)  # reports are in order: nothing of Alice is under way
    assert [contact["device_id"] for contact in office.contacts()] == [
        office.document["devices"][1]["id"]
    ]


def test_an_unknown_device_gets_the_same_answer_as_a_wrong_password(edge: Edge) -> None:
    office = edge.office()
    nobody = Phone("9999", office.domain, "guess")
    office.registering(nobody, code=401).wait()


def test_a_device_cannot_register_the_address_of_another(edge: Edge) -> None:
    office = edge.office()
    office.registering(office.alice, aor=office.bob.aor, code=403).wait()


def credentials(phone: Phone, nonce: str, counter: str = "00000001") -> str:
    """An Authorization header as the phone would make it."""
    answer = Answer(
        username=phone.username,
        realm=phone.domain,
        nonce=nonce,
        uri=f"sip:{phone.domain}",
        method="REGISTER",
        response="",
        qop="auth",
        nc=counter,
        cnonce="0a4f113b",
    )
    known = digest.credential(phone.username, phone.domain, phone.password)
    response = digest.expected_response(known.ha1, answer)
    return (
        f'Digest username="{answer.username}", realm="{answer.realm}", nonce="{nonce}", '
        f'uri="{answer.uri}", response="{response}", algorithm=MD5, qop=auth, '
        f'nc={counter}, cnonce="{answer.cnonce}"'
    )


def test_an_expired_nonce_is_stale_and_the_phone_registers_with_the_new_one(edge: Edge) -> None:
    office = edge.office()
    expired = digest.make_nonce(NONCE_SECRET, int(time.time()) - 301)
    office.register(
        office.alice,
        scenario="registers_with_old_nonce",
        credentials=credentials(office.alice, expired),
    )


def test_a_recorded_registration_cannot_be_replayed(edge: Edge) -> None:
    office = edge.office()
    nonce = digest.make_nonce(NONCE_SECRET, int(time.time()))
    used = f"Authorization: {credentials(office.alice, nonce)}"

    def register() -> str:
        aor = f"<sip:{office.alice.aor}>"
        uri = f"sip:{office.domain}"
        request = net.request("REGISTER", uri, used, "Expires: 60", from_=aor, to=aor)
        return net.ask(ADDRESS, edge.kamailio.port, request)

    assert register().startswith("SIP/2.0 200 ")
    replayed = register()
    assert replayed.startswith("SIP/2.0 401 ")
    assert "stale=true" in replayed


def test_a_nonce_of_somebody_else_is_not_taken(edge: Edge) -> None:
    office = edge.office()
    forged = digest.make_nonce("another secret", int(time.time()))
    office.register(
        office.alice,
        scenario="registers_with_old_nonce",
        credentials=credentials(office.alice, forged),
    )


def test_a_phone_that_unregisters_or_expires_is_not_reachable_any_more(edge: Edge) -> None:
    office = edge.office()
    office.register(office.alice)
    office.registering(office.alice, expires=0).wait()
    eventually(lambda: not office.contacts())
    office.register(office.bob, expires=3)
    eventually(lambda: not office.contacts(), 20)
    for row in office.document["users"]:
        answer = edge.system.route(
            new_call_id(), row["username"], "1001", deviceId=office.document["devices"][0]["id"]
        )
        assert (answer["action"], answer["code"]) == ("reject", 480)


def test_a_phone_behind_nat_is_reached_where_it_came_from(edge: Edge) -> None:
    office = edge.office()
    private = "sip:1002@10.1.2.3:5060"
    office.registering(office.bob, contact=f"<{private}>").wait()
    (contact,) = eventually(office.contacts)
    assert contact["contact"] == private
    assert contact["received"] == f"sip:{PHONES}:{office.bob.port}"
    callee = office.phone_at(office.bob, "answers", ring=200)
    office.trunk_dials(office.number, talk=100).wait()
    callee.wait()


def test_a_phone_registers_over_tcp(edge: Edge) -> None:
    office = edge.office()
    office.registering(office.alice, tcp=True).wait()
    (contact,) = eventually(office.contacts)
    assert contact["received"] == f"sip:{PHONES}:{office.alice.port};transport=tcp"


def test_a_phone_cannot_have_its_calls_sent_to_somebody_else(edge: Edge) -> None:
    """A contact that names a carrier's gateway would be a call past the brain, at our expense."""
    office = edge.office()
    gateway = net.free_udp_port(CARRIER)
    elsewhere = f"sip:+19005550100@{CARRIER}:{gateway}"
    office.registering(office.bob, contact=f"<{elsewhere}>").wait()
    eventually(office.contacts)
    carrier = edge.play("answers", CARRIER, port=gateway, ring=200).ready()
    callee = office.phone_at(office.bob, "answers", ring=200)
    office.trunk_dials(office.number, talk=100).wait()
    callee.wait()
    assert callee.first("INVITE", sent=False).start_line == f"INVITE {elsewhere} SIP/2.0"
    assert carrier.messages == []
