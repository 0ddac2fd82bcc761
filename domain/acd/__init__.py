"""The contact center of an account: agents, waiting callers, reservations (spec 05).

What binds this package:

- `floor.py` is the state, `evolution.py` its evolve; the other files are decisions on it. A
  decision works on a copy (`desk.py`), adds its facts there one by one, and ends by giving callers
  to agents (`dispatch`): so no caller waits beside an agent who could take him for longer than one
  command.
- Every record of the floor is immutable, and a copy of the floor is a few empty layers over it: a
  decision costs what it changes, however many wait and work (`index.py`, `layer.py`, `line.py`).
- Only `placing.py` puts agents, callers and contacts in and takes them out.
- A reservation (lease) has an epoch that rises strictly within the account. Whoever confirms or
  releases one shows it; an older one changes nothing. A reservation ends exactly once.
- Nothing is counted: who waits, rings or talks follows from the facts.
- Whoever misses a caller is rung again for this caller only after the others of his tier.
"""
