"""Robustness: attacks driven against the endpoint."""
