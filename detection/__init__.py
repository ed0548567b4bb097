"""Seeded defects and healthy variants of the reference service: what the harness itself is measured with.

They are in the repository only: `harness.reference.switches` looks for this package beside `harness`.
"""
