"""Smoke: is the service there, able, and honest about itself? Under 30 s on a healthy endpoint.

Tested in tests/wrong_verdicts/test_wrong_smoke_verdicts.py and tests/plugin/test_exit_statuses.py, where a file has
no test of its own.
"""

from __future__ import annotations

from harness.core.metric import SINGLE_REQUESTS
from harness.core.suite_policy import SuitePolicy

POLICY = SuitePolicy(order=10, metrics=SINGLE_REQUESTS, compares=True)
