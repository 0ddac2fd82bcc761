"""play: a recorded file or a list of them."""

from typing import Literal, Self

from pydantic import model_validator

from domain.flow.node import DEFAULT, Audio, Done, Flag, Id, Next, NodeData, Visit, Wait
from events.flow import Play as PlayCommand


class Play(NodeData):
    kind: Literal["play"]
    audioId: Audio | None = None
    playlistId: Id | None = None
    bargeIn: Flag = 0

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.audioId is None) == (self.playlistId is None):
            raise ValueError("names either audioId or playlistId")
        return self


def run(node: Play, visit: Visit) -> Next:
    if visit.answer is not None:
        return Done(DEFAULT)
    urls = visit.prompt(node.audioId or node.playlistId, None).urls
    return Wait(PlayCommand(urls=urls, barge_in=node.bargeIn))
