"""Adapters of protocols that take text."""
