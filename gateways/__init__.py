"""The only package that touches a wire: HTTP, NATS, PostgreSQL, webhooks.

Rules that bind this package: it holds no rules of telephony. An HTTP handler checks who asks and
what the body looks like, sends one command or runs one query, and answers in the words of its
audience (`http/control` for edges, `http/v1` for integrators). Everything here can be taken away
and built again without asking what a call is.
"""
