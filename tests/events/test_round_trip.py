"""What is stored can be read again, by this release and by its neighbours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.catalogue import CATALOGUE
from gateways.store.codec import decode, encode
from tests.events.strategies import facts_named
from tests.support.given import property_of


@pytest.mark.parametrize("name", CATALOGUE)
@property_of(examples=5)
@given(data=st.data())
def test_a_fact_comes_back_from_the_store_as_it_went_in(name: str, data: st.DataObject) -> None:
    fact = data.draw(facts_named(name))
    read = decode(name, encode(fact))
    assert read == fact
    assert type(read) is type(fact)
