"""play: a recorded file or a list of them."""

from typing import Literal, Self

from pydantic import model_validator

from domain.flow import media
from domain.flow.node import DEFAULT, Audio, Done, Flag, Id, Next, NodeData, Visit, Wait
from events.flow import Play as PlayCommand


class Play(NodeData):
    kind: Literal["play"]
    audioId: Audio | None = None
    playlistId: Id | None = None
    bargeIn: Flag = 0
    pointers = (("audioId", "media_file"), ("playlistId", "media_playlist"))

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.audioId is None) == (self.playlistId is None):
            raise ValueError("names either audioId or playlistId")
        return self


def run(node: Play, visit: Visit) -> Next:
    if visit.answer is not None:
        return Done(DEFAULT)
    if node.playlistId is None:
        urls = visit.prompt(node.audioId, None).urls
    else:
        urls = media.keys_of_playlist(visit.context.directory, node.playlistId)
    if not urls:
        visit.note = f"nothing to hear in {node.audioId or node.playlistId}"
        return Done(DEFAULT)
    return Wait(PlayCommand(urls=urls, barge_in=node.bargeIn))
