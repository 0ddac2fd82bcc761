"""What happened: facts, in the past tense, as frozen pydantic models.

Rules that bind this package:

- It imports nothing of ours and does no I/O. Everybody else may import it.
- A stored name (``call.routed.v1``) is a contract with every row ever written and every outside
  consumer of the bus. Names are added, never renamed, never given another meaning. A field is added
  with a default; a field that must change its meaning makes a ``.v2`` beside the ``.v1``.
- A fact knows the stream it belongs to, its account and its time, and nothing about who reads it.
- Unknown fields are ignored on reading, so that two releases can run side by side.
"""
