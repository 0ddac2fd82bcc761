"""The realtime service: tickets; the wallboard over WebSocket, as server-sent events, for polls."""
