"""Clients that are generated from the API document, in the languages that most integrators write,
at work on the running service (`make test-clients`). Nothing generated is kept."""
