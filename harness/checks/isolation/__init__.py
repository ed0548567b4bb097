"""Judges of isolation: no answer holds what belongs to another request.

Tested in tests/suites/integration/test_cache.py and tests/suites/integration/test_batch_and_concurrent.py, where a
file has no test of its own.
"""
