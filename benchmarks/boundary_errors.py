"""Error rates of the sequential test at its limits for every profile, by exact dynamic programming."""

from __future__ import annotations

import sys

from benchmarks._exact import compute_probabilities
from harness.core.objective import PROFILES
from harness.stats.sequential import RateTest

MOST = 0.05
MOST_UNDECIDED = 0.02


def main() -> int:
    missed = False
    print("profile    false FAIL  false PASS  |  at half the budget: PASS  INCONCLUSIVE  mean requests")
    for profile in PROFILES.values():
        budget = 1 - profile.quantile
        test = RateTest(budget=budget, loosened=budget * profile.tolerance, cap=profile.cap)
        false_fail = compute_probabilities(test, test.budget).failed
        false_pass = compute_probabilities(test, test.loosened).passed
        half = compute_probabilities(test, budget / 2)
        print(
            f"{profile.name:9}  {false_fail:10.4f}  {false_pass:10.4f}  |  {half.passed:24.4f}  "
            f"{half.inconclusive:12.4f}  {half.mean_n:13.0f}"
        )
        missed |= max(false_fail, false_pass) > MOST
        missed |= profile.name in ("pr", "release") and half.inconclusive >= MOST_UNDECIDED
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
