"""Compare with a baseline over the same items: non-inferiority against a margin, never "no difference was found"."""

from __future__ import annotations

from harness.stats.intervals import tango_interval
from harness.stats.sequential import Decision


def paired_difference_test(
    worse: int,
    better: int,
    n: int,
    limit: float = 0.0,
    loosened: float = 0.02,
    alpha_pass: float = 0.05,
    alpha_fail: float = 0.05,
) -> Decision:
    """Judge the rise of the error rate over n paired items, of which `worse` went from right to wrong, `better` back.

    FAIL refutes "it rose by at most `limit`", PASS refutes "it rose by at least `loosened`", both by Tango's score
    bounds. McNemar's test has no part in this: it asks for equality, and few items never refute that. Raises
    `ValueError`.
    """
    if not 0 <= limit <= loosened < 1:
        raise ValueError(f"0 <= limit <= loosened < 1 is needed, not limit {limit!r} and loosened {loosened!r}")
    if tango_interval(worse, better, n, alpha_fail)[0] > limit:
        return "fail"
    return "pass" if tango_interval(worse, better, n, alpha_pass)[1] < loosened else "inconclusive"
