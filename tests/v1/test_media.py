"""Media and playlists over /v1: rows, and the audio that belongs to them (spec 07)."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.sound import wav
from tests.support.system import System, acme
from tests.v1.test_rows import Api, pointers


@pytest.fixture
def api(system: System, account: dict[str, Any]) -> Api:
    return Api(system, account["account"]["id"], "media", "queues", "flows")


@pytest.fixture
def media(api: Api) -> str:
    made = api.post("/v1/media", {"name": "Welcome"})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def test_a_row_without_audio_says_so(api: Api, media: str) -> None:
    row = api.get(f"/v1/media/{media}").json()
    assert media.startswith("media_")
    told = ("kind", "object_key", "format", "duration_ms", "size_bytes", "sha256")
    assert [row[name] for name in told] == ["prompt", None, None, None, None, None]
    assert api.get(f"/v1/media/{media}/content").status_code == 404


def test_audio_is_uploaded_and_heard(api: Api, media: str, account: dict[str, Any]) -> None:
    file = wav(2.5)
    put = api.put(f"/v1/media/{media}/content", file, "audio/wav")
    assert put.status_code == 200, put.text
    key = f"{account['account']['id']}/{media}.wav"
    expected = {
        "object_key": key,
        "format": "wav",
        "duration_ms": 2500,
        "size_bytes": len(file),
        "sha256": hashlib.sha256(file).hexdigest(),
    }
    row = api.get(f"/v1/media/{media}").json()
    assert {name: row[name] for name in expected} == expected
    assert put.json() == {"ok": 1, "id": media, **expected}
    heard = api.get(f"/v1/media/{media}/content")
    assert (heard.content, heard.headers["content-type"]) == (file, "audio/wav")
    assert heard.headers["content-length"] == str(len(file))
    headers = {**api.headers, "range": "bytes=0-3"}
    part = api.client.get(f"/v1/media/{media}/content", headers=headers)
    assert (part.status_code, part.content) == (206, b"RIFF")
    known = {**api.headers, "if-none-match": heard.headers["etag"]}
    assert api.client.get(f"/v1/media/{media}/content", headers=known).status_code == 304
    beyond = {**api.headers, "range": "bytes=9999999-"}
    assert api.client.get(f"/v1/media/{media}/content", headers=beyond).status_code == 416


def test_another_format_takes_the_place_of_the_first(
    system: System, api: Api, media: str, account: dict[str, Any]
) -> None:
    api.put(f"/v1/media/{media}/content", wav(), "audio/wav")
    api.put(f"/v1/media/{media}/content", b"ID3" + b"x" * 100, "audio/mpeg")
    row = api.get(f"/v1/media/{media}").json()
    assert (row["format"], row["duration_ms"], row["size_bytes"]) == ("mp3", None, 103)
    folder = system.folder / "data" / "media" / account["account"]["id"]
    assert [file.name for file in folder.iterdir()] == [f"{media}.mp3"]


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"<html></html>", "audio/wav", 415),
        (b"", "audio/wav", 415),
        (b"RIFF....WAVE", "audio/wav", 400),
        (wav(1, encoding=99), "audio/wav", 400),
    ],
)
def test_what_is_no_audio_changes_nothing(
    api: Api, media: str, content: bytes, media_type: str, status: int
) -> None:
    api.put(f"/v1/media/{media}/content", wav(), "audio/wav")
    before = api.get(f"/v1/media/{media}").json()
    refused = api.put(f"/v1/media/{media}/content", content, media_type)
    assert refused.status_code == status, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert api.get(f"/v1/media/{media}").json() == before
    assert api.get(f"/v1/media/{media}/content").content == wav()


def test_a_large_upload_is_streamed(api: Api, media: str) -> None:
    file = wav(600)

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(file), 50_000):
            yield file[start : start + 50_000]

    put = api.put(f"/v1/media/{media}/content", pieces(), "audio/wav")
    assert (put.status_code, put.json()["duration_ms"]) == (200, 600_000)
    assert api.get(f"/v1/media/{media}/content").content == file


def test_a_row_goes_with_its_audio(
    system: System, api: Api, media: str, account: dict[str, Any]
) -> None:
    api.put(f"/v1/media/{media}/content", wav(), "audio/wav")
    playlist = api.post("/v1/playlists", {"name": "Hold", "media_ids": [media]}).json()
    assert api.delete(f"/v1/media/{media}").status_code == 409
    assert api.get(f"/v1/media/{media}/content").status_code == 200
    assert api.delete(f"/v1/media/{media}", force=True).status_code == 200
    assert api.get(f"/v1/playlists/{playlist['id']}").json()["media_ids"] == []
    assert list((system.folder / "data" / "media" / account["account"]["id"]).iterdir()) == []


def test_what_an_upload_sets_nobody_else_does(api: Api, media: str) -> None:
    body = {"name": "x", "object_key": "acc_1/a.wav", "sha256": "0" * 64}
    assert pointers(api.post("/v1/media", body)) == ["/object_key", "/sha256"]
    assert pointers(api.patch(f"/v1/media/{media}", {"duration_ms": 1})) == ["/duration_ms"]
    assert pointers(api.post("/v1/media", {"name": "x", "kind": "film"})) == ["/kind"]


def test_a_playlist_names_media_of_the_account(system: System, api: Api, media: str) -> None:
    other = acme()
    system.apply(other)
    foreign = Api(system, other["account"]["id"]).post("/v1/media", {"name": "Theirs"}).json()["id"]
    body = {"name": "Hold", "media_ids": [media, foreign]}
    assert pointers(api.post("/v1/playlists", body)) == ["/media_ids"]
    assert api.get(f"/v1/media/{foreign}").status_code == 404
    assert api.get(f"/v1/media/{foreign}/content").status_code == 404
    assert api.put(f"/v1/media/{foreign}/content", wav(), "audio/wav").status_code == 404


def test_the_scope_is_needed(system: System, account: dict[str, Any]) -> None:
    narrow = Api(system, account["account"]["id"], "cdr")
    for path in ("/v1/media", "/v1/playlists", "/v1/voicemails", "/v1/media/x/content"):
        assert narrow.get(path).status_code == 403


def test_a_pin_is_taken_and_never_shown(system: System, api: Api) -> None:
    made = api.post("/v1/voicemails", {"name": "Sales", "pin": "8305172946178305"})
    assert made.status_code == 201, made.text
    assert not {"pin", "pin_secret_ref"} & made.json().keys()
    assert "8305172946178305" not in made.text
    for bad in ("12", "abcd", "1" * 17, "12 34"):
        assert pointers(api.post("/v1/voicemails", {"name": "x", "pin": bad})) == ["/pin"]
    with system.database() as connection:
        found = connection.execute(
            "SELECT count(*) AS facts FROM events.stored_events"
            " WHERE convert_from(state, 'UTF8') LIKE '%%8305172946178305%%'"
        ).fetchone()
    assert found == {"facts": 0}
