"""What is decided: state, decisions, evolve, fold — in this order in each aggregate's file.

Rules that bind this package:

- No I/O, no clock, no randomness, no async: time and ids are parameters.
- ``decide(state, …) -> list[Fact]`` is pure; it may raise a `domain.errors.Refusal`; it returns
  ``[]`` when there is nothing to do, and the same request twice writes nothing the second time.
- ``evolve(state, fact) -> state`` never refuses and decides nothing. A state is changed in place
  (it has one owner, and copying five thousand calls per fact would cost more than the decision);
  it holds only what decisions read.
- Imports `events` and libraries without I/O.
"""
