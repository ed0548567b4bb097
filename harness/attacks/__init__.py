"""Attacks, one file each: generators that yield queries and are sent answers. They do no IO.

Tested in tests/attacks/test_attacks_conformance.py, where a file has no test of its own.
"""
