"""A finding of an attack as it is kept: enough to send it again without a search.

Tested in tests/robustness/test_findings.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.core.plan import make_slug


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """A line of `adversarial/ATTACK.findings.jsonl`, and of the file that `[adversarial] corpus` names.

    `row` was answered `answered` where the input, at the place `input` of the data, has the `label`. `state` is
    confirmed or flaky. `distance` is by `norm`, `queries` the rows until then. `original` is the digest of the input.
    """

    attack: str
    input: int
    original: str
    row: Any
    label: str
    answered: str
    distance: float = 0.0
    norm: str = "linf"
    queries: int = 0
    seed: int = 0
    state: str = "confirmed"

    @property
    def slug(self) -> str:
        """The part of a check's id that stands for it."""
        return make_slug(f"{self.attack}-{self.input}")
