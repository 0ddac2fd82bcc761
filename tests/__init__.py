"""Tests as values: given, when, then. Beyond `domain/` and `events/` the servers are real."""
