"""The reference deployment: a small but real AI service on loopback, to try the harness and to measure it.

Tested in tests/reference/test_gateway.py, tests/reference/test_chat.py, tests/reference/test_plain.py,
tests/reference/test_idempotency_and_rate_limit.py and tests/detection/test_switch.py, where a file has no test of its
own.
"""
