"""What is heard: rows of media as keys of the object store (spec 04, Prompts)."""

from typing import NamedTuple

from domain.directory import Directory, body_of
from events.base import AccountId
from events.resources import MediaFile, MediaPlaylist, Queue


class Music(NamedTuple):
    """What a waiting caller hears: either a file of his own, or a stream that all share."""

    url: str | None = None
    stream: str | None = None


def key_of(directory: Directory, audio: str | None) -> str | None:
    """The object behind a media file's id or a system prompt's key; None where there is none (the
    row is gone, or nothing was uploaded)."""
    if audio is not None and "/" in audio:
        return audio
    file = body_of(directory, audio, MediaFile)
    return file.object_key if file else None


def keys_of_playlist(directory: Directory, id: str) -> tuple[str, ...]:
    """The objects of a playlist in their order, those that are there."""
    playlist = body_of(directory, id, MediaPlaylist)
    keys = (key_of(directory, one) for one in playlist.media_ids) if playlist else ()
    return tuple(key for key in keys if key is not None)


def moh_of(account_id: AccountId, directory: Directory, queue: Queue) -> Music:
    """Music on hold: the queue's file where it has one, else the account's one stream."""
    if queue.moh_mode == "file" and (key := key_of(directory, queue.moh_media_id)):
        return Music(url=key)
    return Music(stream=f"moh-{account_id}")
