"""Long lists of cases of one kind: `make test` has a fixed sample of them, other commands the rest, CI all.

`make test-catalogue` has the cases marked `catalogue`, `make test-simulations` the statistics of simulated runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def sample_cases(cases: Iterable[Any], *sample: Any, mark: pytest.MarkDecorator = pytest.mark.catalogue) -> list[Any]:
    """The cases as parameters of a test; those outside the sample have the mark. A tuple has a value for each name."""
    listed = list(cases)
    unknown = [case for case in sample if case not in listed]
    assert not unknown, f"no such case: {unknown}"
    return [case if case in sample else _mark_case(case, mark) for case in listed]


def _mark_case(case: Any, mark: pytest.MarkDecorator) -> Any:
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=mark)
