"""say: a text, spoken."""

from typing import Annotated, Literal

from pydantic import Field

from domain.flow.node import DEFAULT, Done, Next, NodeData, Text, Visit, Wait
from events.flow import Play


class Say(NodeData):
    kind: Literal["say"]
    text: Text
    voice: Annotated[str, Field(max_length=64)] | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}-[A-Z]{2}$")] | None = None


def run(node: Say, visit: Visit) -> Next:
    if visit.answer is not None:
        return Done(DEFAULT)
    urls, tts = visit.prompt(None, node.text, node.voice, node.language)
    return Wait(Play(urls=urls, tts=tts))
