"""Media: the private object store, what is heard of it, and what comes in."""
