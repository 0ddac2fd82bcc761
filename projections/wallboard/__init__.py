"""How is the contact center at this moment? A read model in the memory of whoever shows it.

It is folded from the same facts as the tables, by the same functions on the same rows
(`projections/agents.py`, `projections/queues.py`, `domain/presence.py`): a figure on a wallboard is
the figure of /v1. It begins with what the tables and the store know at one moment; from then on
only facts change it, so nobody who looks costs a query.
"""
