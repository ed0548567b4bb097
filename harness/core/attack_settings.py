"""What attacks were asked to do: the threat model, and which are tried.

Tested in tests/config/test_attack_settings.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from harness.core.attack import find_kind
from harness.core.bounds import OverZero
from harness.core.registry import describe_unknown, list_plugins, load_plugin
from harness.core.threat import NORM_NAMES, Column, Norm

LIMITS = {Norm.LINF: "eps", Norm.L2: "eps_l2", Norm.L0: "features", Norm.EDITS: "edits", Norm.SEVERITY: "severity"}
"""The key that limits a change, for each way to measure it."""
HARDEST = 5
"""The highest severity of a corruption."""


@dataclass(frozen=True, slots=True)
class AttackSettings:
    """The threat model of evasion attacks, and the attacks that are tried.

    Each input may be moved by at most `eps` in every number (Linf), or by `eps_l2` (L2), or in so many `features`, or a
    text by so many `edits`, or corrupted up to this `severity` (1 to 5): each attack has one of these limits. Numbers
    stay within [`low`, `high`]. `budget` rows are sent per input, at most `rows` in all searches of an attack, over
    `inputs` inputs drawn from the data. `columns` says what single columns allow, `fits` names a function (original
    row, changed row) that says whether a changed row could be real; `words` has replacements that keep a text's
    meaning. `corpus` is a file of findings, which are replayed first; `resume` the run directory of
    an attack that was cut off. Up to `extraction` rows of each kind are asked to make copies of the model.
    """

    eps: OverZero[float] | None = None
    low: float = 0.0
    high: float = 1.0
    budget: OverZero[int] = 200
    inputs: OverZero[int] = 100
    attacks: tuple[str, ...] = ("square",)
    eps_l2: OverZero[float] | None = None
    features: OverZero[float] | None = None
    edits: OverZero[int] | None = None
    severity: OverZero[int] = 3
    rows: OverZero[int] | None = None
    columns: dict[str, Column] = field(default_factory=dict)
    fits: str | None = None
    words: dict[str, list[str]] = field(default_factory=dict)
    corpus: str | None = None
    resume: str | None = None
    extraction: OverZero[int] | None = None

    def get_limit(self, norm: Norm) -> float | None:
        """The most that a change may measure by this norm; None where it is not limited, so that no attack is."""
        limit: float | None = getattr(self, LIMITS[norm])
        return limit

    def find_problem(self) -> tuple[str, str] | None:
        """The key that makes every attack impossible, and why; or None."""
        if not self.low < self.high:
            return "high", f"must be over low, got {self.high!r} and {self.low!r}"
        if self.severity > HARDEST:
            return "severity", f"must be 1 to {HARDEST}, got {self.severity!r}"
        for name, column in self.columns.items():
            if problem := column.find_problem():
                return f"columns.{name}.{problem[0]}", problem[1]
        return self._find_wrong_attack()

    def _find_wrong_attack(self) -> tuple[str, str] | None:
        if not self.attacks:
            return "attacks", f"names no attack; known: {', '.join(list_plugins('attacks'))}"
        for name in self.attacks:
            if name not in list_plugins("attacks"):
                return "attacks", describe_unknown("attack", name, list_plugins("attacks"))
            norm = find_kind(load_plugin("attacks", name).ATTACK).norm
            if self.get_limit(norm) is None:
                key = LIMITS[norm]
                return "attacks", f"attack {name!r} needs {key} ({NORM_NAMES[norm]}): give [adversarial] {key}"
        if len(set(self.attacks)) < len(self.attacks):
            return "attacks", "names an attack twice"
        return None

    def locate(self, resolve: Callable[[str | None], str | None]) -> AttackSettings:
        """The settings with their files where `resolve` finds them."""
        return replace(self, corpus=resolve(self.corpus), resume=resolve(self.resume))
