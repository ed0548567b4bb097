"""DriftSettings: the reference sample that inputs and answers are compared with, and how far they may lie from it.

Tested in tests/suites/validation/test_drift.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.core.dataset import Dataset


@dataclass(frozen=True, slots=True, eq=False)
class DriftSettings:
    """`[drift]`. The labels of the reference are recorded answers where `is_recorded`, else its rows are asked.

    A column may be `limit` away by its PSI, or with `ks` by its Kolmogorov-Smirnov distance (numbers) or Cramer's V
    (texts); vectors by `vector_limit` of the kernel similarity. PASS refutes twice as much.
    """

    reference: Dataset | None = None
    is_recorded: bool = False
    measure: Literal["psi", "ks"] = "psi"
    limit: float = 0.1
    vector_limit: float = 0.02


DRIFT_GROUNDS = {
    "drift": "no reference sample is configured ([drift] reference)",
    "time": "no column of times is configured ([data] time)",
}
"""The grounds that drift gives, and why a check that needs one is not judged without."""


def list_drift_grounds(drift: DriftSettings | None, data: Dataset | None) -> dict[str, bool]:
    """Which of `DRIFT_GROUNDS` are given."""
    has_reference = data is not None and drift is not None and drift.reference is not None
    return {"drift": has_reference, "time": data is not None and data.times is not None}
