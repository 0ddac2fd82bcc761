"""NATS: commands by request-reply, leases of partitions, streams of events."""
