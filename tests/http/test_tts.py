"""Prompts and spoken texts over a wire: /admin/tts/generate, /flow, /media (spec 03, 04)."""

import io
import wave

import httpx
import pytest

from domain import prompts
from tests.domain.flows import node
from tests.http.test_bad_input import assert_problem
from tests.http.test_flow import BYE, Engine, account_with
from tests.support.system import System, eventually

ADMIN = {"x-admin-token": "let me in"}


def generate(system: System, **query: str) -> httpx.Response:
    return system.edge.post("/admin/tts/generate", params=query, headers=ADMIN, timeout=60)


def heard(system: System, key: str) -> float:
    """Seconds of the sound at a key."""
    answer = system.edge.get(f"/media/{key}")
    assert answer.status_code == 200, answer.text
    with wave.open(io.BytesIO(answer.content)) as read:
        assert (read.getframerate(), read.getnchannels(), read.getsampwidth()) == (8000, 1, 2)
        return float(read.getnframes() / 8000)


def test_prompts_are_made_once_and_can_be_played(system: System) -> None:
    first = generate(system, lang="tr-TR", gender="female").json()
    again = generate(system, lang="tr-TR", gender="female").json()
    assert (first["ok"], first["generated"], first["failed"]) == (1, 10, 0)
    assert (again["ok"], again["generated"], again["skipped"]) == (1, 0, 10)
    for result in first["results"]:
        assert heard(system, result["key"]) * 1000 == pytest.approx(result["durationMs"], abs=1)
    keys = {prompts.key("tr-TR", "female", prompt) for prompt in prompts.PROMPTS}
    assert {result["key"] for result in first["results"]} == keys


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"lang": "xx-XX"}, "/lang"),
        ({"lang": "en-US", "gender": "robot"}, "/gender"),
        ({"lang": "en-US", "force": "maybe"}, "/force"),
    ],
)
def test_a_bad_query_is_named(system: System, query: dict[str, str], pointer: str) -> None:
    problem = assert_problem(generate(system, **query), 400)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize("headers", [{}, {"x-admin-token": "wrong"}, {"x-node-token": "node_x"}])
def test_only_the_admin_may(system: System, headers: dict[str, str]) -> None:
    answer = system.edge.post("/admin/tts/generate?lang=en-US", headers=headers)
    assert_problem(answer, 401)


def test_it_is_asked_with_post(system: System) -> None:
    assert_problem(system.edge.get("/admin/tts/generate", headers=ADMIN), 405)


def test_what_a_flow_says_is_there_to_be_played(system: System) -> None:
    says = node("say", "say", text="Hello {{name}}, this is a test.")
    engine = Engine(system, account_with(system, says, BYE, "say > bye"))
    told = engine.start()
    assert told["command"] == "play"
    assert 0.5 < eventually(lambda: heard(system, told["urls"][-1])) < 5
    assert told["tts"]["language"] == "en-US"


@pytest.mark.parametrize("language", ["sv-SE", "ja-JP"])
def test_what_is_not_spoken_is_left_to_the_engine(system: System, language: str) -> None:
    says = node("say", "say", text="お客様", language=language)
    engine = Engine(system, account_with(system, says, BYE, "say > bye"))
    told = engine.start()
    assert told["tts"] == {"text": "お客様", "voice": "male", "language": language}
    assert_problem(system.edge.get(f"/media/{told['urls'][-1]}"), 404)
    assert 'callplane_speech_total{outcome="not_spoken"}' in system.edge.get("/metrics").text
