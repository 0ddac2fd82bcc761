"""Texts become sound: voices, what they are given to read, and what engines play of it."""
