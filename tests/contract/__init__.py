"""Does the service do what its document says, whatever it is sent? Asked by schemathesis of every
operation in the document (`make test-api`)."""
