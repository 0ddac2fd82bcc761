"""Derived ids: valid TypeIDs, the same for the same, others for others."""

from hypothesis import given
from hypothesis import strategies as st
from typeid import TypeID

from domain.identifiers import derived
from tests.support.given import property_of

MOMENTS = st.integers(0, 2**48 - 1)
DIGESTS = st.binary(min_size=10, max_size=10)


@property_of(200)
@given(MOMENTS, DIGESTS)
def test_it_is_a_typeid_with_the_time_in_front(at: int, digest: bytes) -> None:
    uuid = TypeID.from_string(derived("whd", at, digest)).uuid
    assert (uuid.version, uuid.variant) == (7, "specified in RFC 4122")
    assert int(uuid) >> 80 == at


@property_of(100)
@given(MOMENTS, st.binary(min_size=7, max_size=7), st.binary(min_size=7, max_size=7))
def test_the_same_is_named_the_same_and_others_otherwise(at: int, one: bytes, other: bytes) -> None:
    names = {derived("x", at, b"\0\0\0" + tail) for tail in (one, other, one)}
    assert len(names) == len({one, other})
