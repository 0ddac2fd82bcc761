"""Webhooks: what is owed stands in the outbox; here it is signed, sent, retried and booked."""
