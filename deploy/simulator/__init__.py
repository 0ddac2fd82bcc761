"""A simulated edge: phones, callers, agents and a media engine, over the real HTTP contract.

What binds this package:

- What people do follows from a seed alone (`plan.py`, pure): who calls when and for how long, who
  misses whom. Every person has dice of his own, so nothing depends on the wall clock, on the order
  in which tasks happen to run, or on what the system answers.
- Everybody waits at one clock (`clock.py`); ten times faster is one number.
- It asks and reports exactly what a real edge would, at least once, again until it is taken.
  Repeated and reordered on purpose (`Chaos`), it must come to the same.
- It keeps its own books (`tally.py`), and `verify.py` compares them with what the system says.
"""
