"""Chaos: what the service does while a link is disturbed, and whether it comes back."""
