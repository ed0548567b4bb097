"""Judges of valid answers: their content, form, health, identity and time."""
