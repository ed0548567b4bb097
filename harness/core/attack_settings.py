"""What attacks were asked to do: the threat model, and which are tried.

Tested in tests/config/test_resolve.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.bounds import OverZero
from harness.core.registry import describe_unknown, list_plugins


@dataclass(frozen=True, slots=True)
class AttackSettings:
    """The threat model of evasion attacks, and the attacks that are tried.

    Each input may be moved by at most `eps` in every number (Linf) within [`low`, `high`], with `budget` rows sent per
    input, over `inputs` inputs drawn from the data.
    """

    eps: OverZero[float]
    low: float = 0.0
    high: float = 1.0
    budget: OverZero[int] = 200
    inputs: OverZero[int] = 100
    attacks: tuple[str, ...] = ("square",)

    def find_problem(self) -> tuple[str, str] | None:
        """The key that makes every attack impossible, and why; or None."""
        if not self.low < self.high:
            return "high", f"must be over low, got {self.high!r} and {self.low!r}"
        if not self.attacks:
            return "attacks", f"names no attack; known: {', '.join(list_plugins('attacks'))}"
        for name in self.attacks:
            if name not in list_plugins("attacks"):
                return "attacks", describe_unknown("attack", name, list_plugins("attacks"))
        if len(set(self.attacks)) < len(self.attacks):
            return "attacks", "names an attack twice"
        return None
