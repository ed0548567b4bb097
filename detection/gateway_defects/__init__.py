"""Seeded defects of the gateway: how it behaves while a link to a backend is disturbed."""
