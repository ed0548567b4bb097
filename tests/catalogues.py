"""Long lists of cases of one kind: `make test` has a fixed sample of them, `make test-catalogue` the others, CI all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def sample_cases(cases: Iterable[Any], *sample: Any) -> list[Any]:
    """The cases as parameters of a test; those outside the sample are marked `catalogue`."""
    listed = list(cases)
    unknown = [case for case in sample if case not in listed]
    assert not unknown, f"no such case: {unknown}"
    return [case if case in sample else _mark_case(case) for case in listed]


def _mark_case(case: Any) -> Any:
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.catalogue)
