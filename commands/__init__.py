"""What is asked: messages in the imperative, each beside its handler.

Rules that bind this package:

- A handler is a pure function of the message and of what the partition's owner has in memory
  (`commands/world.py`): it unpacks, calls a decision of `domain/`, returns facts and a reply. It
  may run twice (a state had to be loaded first), so it changes nothing.
- `commands/catalogue.py` is the table of contents of the system.
- `commands/loop.py` is the only load–decide–append loop. It knows neither HTTP nor NATS nor SQL.
"""
