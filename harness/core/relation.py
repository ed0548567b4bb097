"""Relation: how the answer may follow a change of the input (metamorphic testing); it needs no labels.

Tested in tests/robustness/test_relations.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from harness.core.bounds import NotNegative, OverZero, ShareUnderOne
from harness.core.plan import make_slug
from harness.core.registry import describe_unknown, list_plugins, load_plugin
from harness.core.verdict import Level


@dataclass(frozen=True, slots=True)
class Relation:
    """`[[relation]]`: a change of the input, and what must hold between the two answers.

    `kind` is a plug-in of `harness/relations`, `change` one of the changes that it offers. `features` names the columns
    (by name, or by place from 0) that are changed; `size` is how far: of noise and of steps the share of a column's
    range, of texts the share of words. `output` names the score that is compared (an output, or the place of a class);
    `direction` is where it must go, `tolerance` how far a score may be from that. `words` maps a
    text to its replacement, `templates` hold `{text}`, `factor` is that of another unit. At most the share `limit` of
    `rows` may break the relation. `change` and `holds` may name a function of the user, `module:function`: one that
    changes an input, and one that says what must hold. `search` is how many further pairs Hypothesis draws.
    """

    kind: str
    change: str = ""
    name: str = ""
    features: list[str | int] = field(default_factory=list)
    size: OverZero[float] = 0.05
    output: str | int | None = None
    direction: Literal["up", "down"] = "up"
    tolerance: NotNegative[float] = 0.0
    words: dict[str, str] = field(default_factory=dict)
    templates: list[str] = field(default_factory=list)
    factor: float = 1.0
    limit: ShareUnderOne = 0.0
    rows: OverZero[int] = 200
    holds: str = ""
    search: NotNegative[int] = 40
    level: Level = Level.BLOCKER

    @property
    def title(self) -> str:
        """The name, or what it is."""
        columns = f" of {', '.join(map(str, self.features))}" if self.features else ""
        return self.name or f"{self.kind} {self.change}".strip() + columns

    @property
    def slug(self) -> str:
        """The part of a check's id that stands for it."""
        return make_slug(self.title)

    def find_problem(self) -> tuple[str, str] | None:
        """The key that is wrong, and why; or None."""
        if self.kind not in (kinds := list_plugins("relations")):
            return "kind", describe_unknown("kind of relation", self.kind, kinds)
        kind: RelationKind = load_plugin("relations", self.kind).RELATION
        if self.change and ":" not in self.change and self.change not in kind.changes:
            return "change", describe_unknown(f"change of {self.kind}", self.change, kind.changes)
        for template in self.templates:
            if "{text}" not in template:
                return "templates", f"each must hold {{text}}, got {template!r}"
        return None


class Draws(Protocol):
    """What a change draws from: a `random.Random`."""

    def uniform(self, a: float, b: float, /) -> float:
        """A number between the two."""

    def randrange(self, stop: int, /) -> int:
        """A whole number from 0 to under `stop`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer says: its label, the score that the relation names (the only number, where it names none), and
    the whole content, in which a relation without a label compares numbers and texts.
    """

    label: Any = None
    score: float | None = None
    content: Any = None


InputChange = Callable[[Any, Relation, Draws, Sequence[Any]], Any]
"""Makes the changed input of (input, relation, draws, all inputs); None where this input cannot be changed so."""


@dataclass(frozen=True, slots=True)
class RelationKind:
    """A kind of relation: the changes that it offers, by name (the first is the default), and what must hold.

    `find_violation(before, after, relation)` says in words how the answer broke it; empty where it holds, None where
    the answers hold nothing that it could compare. `whole` names the changes of which no part means anything by itself,
    `graded` those that may be of any size.
    """

    name: str
    title: str
    changes: Mapping[str, InputChange]
    find_violation: Callable[[Reading, Reading, Relation], str | None]
    whole: tuple[str, ...] = ()
    graded: tuple[str, ...] = ()
