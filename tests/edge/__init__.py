"""The real edge: Kamailio asks a running Callplane, SIPp plays phones, carriers and media."""
