"""Requests generated from what the endpoint announces."""
