"""Adapters of protocols that take text.

Tested in tests/protocols/text/test_text_family.py and tests/protocols/test_conformance.py, where a file has no test
of its own.
"""
