"""What the floor keeps beside its agents and callers, so that nobody has to look at all of them."""

from dataclasses import fields
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain import presence
from domain.acd import line
from domain.acd.evolution import evolve
from domain.acd.floor import Floor, copy_of
from domain.acd.index import Index
from domain.acd.layer import Layer
from domain.acd.placing import indexed
from domain.presence import Presence
from tests.domain.center import a_shift
from tests.support.given import property_of

KEYS = st.integers(0, 6)
CHANGES = st.lists(st.tuples(KEYS, st.none() | st.integers(0, 99)), max_size=20)
"""None: the key is removed."""


@property_of(examples=20)
@given(seed=st.integers(0, 10**6))
def test_the_index_is_always_what_it_would_be_if_made_anew(seed: int) -> None:
    state = Presence()
    for number, fact in enumerate(a_shift(Random(seed))):
        presence.evolve(state, fact)  # type: ignore[arg-type]
        if number % 7 == 0:
            made = indexed(copy_of(state.floor)).index
            for one in fields(Index):
                anew, kept = getattr(made, one.name), getattr(state.floor.index, one.name)
                assert {k: _plain(v) for k, v in anew.items()} == {
                    k: _plain(v) for k, v in kept.items()
                }, one.name


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else [*line.values(value)]


@property_of(examples=20)
@given(seed=st.integers(0, 10**6))
def test_a_floor_that_is_played_on_with_changes_as_the_true_one_and_leaves_it_alone(
    seed: int,
) -> None:
    state, facts = Presence(), a_shift(Random(seed))
    for fact in facts[: len(facts) // 2]:
        presence.evolve(state, fact)  # type: ignore[arg-type]
    before, played = repr(state.floor), copy_of(state.floor)
    for fact in facts[len(facts) // 2 :]:
        evolve(played, fact)  # type: ignore[arg-type]
    assert repr(state.floor) == before
    for fact in facts[len(facts) // 2 :]:
        presence.evolve(state, fact)  # type: ignore[arg-type]
    assert dict(played.callers) == state.floor.callers
    assert dict(played.agents) == state.floor.agents
    assert list(played.past) == list(state.floor.past)
    assert _contents(played) == _contents(state.floor)


def _contents(floor: Floor) -> dict[str, list[object]]:
    """Who waits where; a line may be cut into chunks in more than one way."""
    return {queue_id: [*line.values(turns)] for queue_id, turns in floor.index.line.items()}


@property_of(examples=300)
@given(base=st.dictionaries(KEYS, st.integers(0, 99)), changes=CHANGES)
def test_a_layer_is_as_a_copy(base: dict[int, int], changes: list[tuple[int, int | None]]) -> None:
    copy, layer, before = dict(base), Layer(base), list(base.items())
    for key, value in changes:
        for mapping in (copy, layer):
            if value is not None:
                mapping[key] = value
            else:
                mapping.pop(key, None)
        assert list(layer.items()) == list(copy.items())
        assert (len(layer), bool(layer)) == (len(copy), bool(copy))
    assert list(base.items()) == before


@property_of(examples=200)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=300))
def test_a_line_is_as_a_sorted_list(changes: list[tuple[bool, int]]) -> None:
    chunks: line.Line[int] = ()
    plain: list[int] = []
    for comes, item in changes * 3:
        if comes:
            chunks, plain = line.put(chunks, item), sorted([*plain, item])
        else:
            chunks = line.take(chunks, item)
            plain = [v for v in plain if v != item] + [item] * max(0, plain.count(item) - 1)
            plain.sort()
        assert line.rank(chunks, item) == sum(v < item for v in plain)
    assert [*line.values(chunks)] == plain
    assert line.size(chunks) == len(plain)
    assert all(len(chunk) < 2 * line.CHUNK for chunk in chunks)
