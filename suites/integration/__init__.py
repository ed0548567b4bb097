"""Integration: do batches, concurrent requests and wrong input come out right?

Tested in tests/suites/integration/test_integration_gate.py, tests/suites/integration/test_batch_and_concurrent.py,
tests/suites/integration/test_wrong_generation.py, tests/suites/integration/test_rate_limit_and_idempotency.py and
tests/generation/test_search.py, where a file has no test of its own.
"""

from __future__ import annotations

from harness.core.suite_policy import SuitePolicy

POLICY = SuitePolicy(
    order=20,
    reads=("data",),
    # Where few requests a minute are promised, the others wait for their turn, and the time of a run may end meanwhile.
    # Other checks have clients that leave, too: where that uses a service up, the check of this must say so.
    first=("test_rate_limit", "test_disconnect"),
    shares_answers=True,
)
