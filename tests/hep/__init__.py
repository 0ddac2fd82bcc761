"""SIP messages from capture agents, and where they stand in a trace."""
