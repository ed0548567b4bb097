"""Judges of isolation: no answer holds what belongs to another request."""
