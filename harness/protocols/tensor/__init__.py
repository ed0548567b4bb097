"""Adapters of protocols that take numbers.

Tested in tests/protocols/test_conformance.py, where a file has no test of its own.
"""
