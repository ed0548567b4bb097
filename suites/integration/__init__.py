"""Integration: do batches, concurrent requests and wrong input come out right?"""

from __future__ import annotations

from harness.core.suite_policy import SuitePolicy

POLICY = SuitePolicy(order=20, reads=("data",), shares_answers=True)
