"""Judges of HTTP itself: connections, headers, credentials, legal and malformed forms.

Tested in tests/suites/integration/test_http.py, tests/suites/integration/test_disconnect.py,
tests/suites/integration/test_rate_limit_and_idempotency.py, tests/suites/integration/test_trace.py and
tests/wrong_verdicts/test_wrong_smoke_verdicts.py, where a file has no test of its own.
"""
