"""How it runs: settings, wiring, command line, supervisor, embedded servers, edge configuration.

Nothing imports this package but the tests. `settings.py` is the only place that reads the
environment, `wiring.py` the only one where parts are put together.
"""
