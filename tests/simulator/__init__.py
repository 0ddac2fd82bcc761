"""The simulated edge: its plan, and what it does to a running system."""
