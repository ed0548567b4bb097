"""Adapters of protocols that take numbers."""
