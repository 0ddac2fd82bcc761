"""The public API (spec 07): for integrators and the console. Account and scopes come from the
credential."""
