"""Judges of what wrong requests lead to, and the wrong requests.

Tested in tests/suites/integration/test_bad_inputs.py, tests/suites/integration/test_limits.py,
tests/checks/bad_input/test_requests.py and tests/generation/test_search.py, where a file has no test of its own.
"""
