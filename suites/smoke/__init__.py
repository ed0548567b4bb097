"""Smoke: is the service there, able, and honest about itself? Under 30 s on a healthy endpoint."""
