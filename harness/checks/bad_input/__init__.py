"""Judges of what wrong requests lead to, and the wrong requests."""
