"""Rows of media as what is heard: their objects, playlists, music on hold."""

from typing import Any

import pytest

from domain.flow import media
from domain.flow.media import Music
from events.flow import Gather, Hangup, Play
from events.resources import Queue
from tests.domain.acme import Acme
from tests.domain.flows import node, through
from tests.support.given import ACCOUNT

END = node("end", "hangup")


def _account() -> Acme:
    acme = Acme()
    for id in ("media_1", "media_2"):
        acme.add_media(id)
    acme.add("media_file", "media_empty", name="Not uploaded")
    acme.add("media_playlist", "pl_1", name="Both", media_ids=["media_2", "media_empty", "media_1"])
    acme.add("media_playlist", "pl_empty", name="None")
    return acme


def _key(id: str) -> str:
    return f"{ACCOUNT}/{id}.wav"


def test_a_file_is_heard_from_where_it_lies() -> None:
    acme = _account()
    acme.change("media_file", "media_1", object_key=f"{ACCOUNT}/media_1.mp3")
    flow = through(node("p", "play", audioId="media_1"), END, "p > end", acme=acme)
    assert flow.start() == Play(urls=(f"{ACCOUNT}/media_1.mp3",))


def test_a_playlist_is_all_its_files_in_order() -> None:
    flow = through(node("p", "play", playlistId="pl_1"), END, "p > end", acme=_account())
    assert flow.start() == Play(urls=(_key("media_2"), _key("media_1")))


@pytest.mark.parametrize(
    ("kind", "id", "data"),
    [
        ("media_file", "media_1", {"audioId": "media_1"}),
        ("media_playlist", "pl_1", {"playlistId": "pl_1"}),
        (None, "media_empty", {"audioId": "media_empty"}),
        (None, "pl_empty", {"playlistId": "pl_empty"}),
    ],
)
def test_where_there_is_nothing_to_hear_the_call_goes_on(
    kind: str | None, id: str, data: dict[str, Any]
) -> None:
    acme = _account()
    flow = through(node("p", "play", **data), END, "p > end", acme=acme)
    if kind is not None:
        acme.lose(kind, id)
    assert isinstance(flow.start(), Hangup)
    assert flow.path == [("p", "default"), ("end", "")]
    assert id in flow.notes[0]


def test_a_lost_prompt_of_a_menu_leaves_its_text_or_silence() -> None:
    acme = _account()
    menu = node("m", "menu", promptAudioId="media_1", maxDigits=1, timeoutSec=5)
    text = {**menu["data"], "promptText": "Press 1"}
    for drawn, spoken in ((menu, False), ({**menu, "data": text}, True)):
        acme = _account()
        flow = through(drawn, END, "m -digit:1> end", acme=acme)
        acme.lose("media_file", "media_1")
        command = flow.start()
        assert isinstance(command, Gather)
        assert (len(command.urls), command.tts is not None) == (int(spoken), spoken)
        assert flow.notes == ["no media media_1"]


def test_a_lost_greeting_is_that_of_the_system() -> None:
    acme = _account()
    acme.add("voicemail", "vm_1", greeting_media_id="media_1")
    flow = through(node("v", "voicemail", mailboxId="vm_1"), acme=acme)
    acme.lose("media_file", "media_1")
    assert flow.start() == Play(urls=("system/en-US/male/vm-greeting.wav",))


@pytest.mark.parametrize(
    ("members", "music"),
    [
        ({}, Music(stream=f"moh-{ACCOUNT}")),
        ({"moh_media_id": "media_1"}, Music(stream=f"moh-{ACCOUNT}")),
        ({"moh_mode": "file", "moh_media_id": "media_1"}, Music(url=_key("media_1"))),
        ({"moh_mode": "file", "moh_media_id": "media_empty"}, Music(stream=f"moh-{ACCOUNT}")),
        ({"moh_mode": "file", "moh_media_id": "gone"}, Music(stream=f"moh-{ACCOUNT}")),
        ({"moh_mode": "file"}, Music(stream=f"moh-{ACCOUNT}")),
    ],
)
def test_who_waits_hears_a_file_of_his_own_or_the_shared_stream(
    members: dict[str, Any], music: Music
) -> None:
    directory = _account().rows.directory
    assert media.moh_of(ACCOUNT, directory, Queue(name="q", **members)) == music
