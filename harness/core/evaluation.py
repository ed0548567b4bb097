"""What an evaluation of generated text asks, how an answer is graded, and what is kept of each answer.

Tested in tests/run/test_evaluation.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from harness.core.endpoint import Endpoint
from harness.core.metric import GRADED_ACCURACY, PASS_AT_K, PASS_HAT_K, TOOL_SCHEMA_ACCURACY, TOOL_TRIGGER_ACCURACY
from harness.core.registry import load_plugin

DEFAULT_ANSWER_TOKENS = 512
"""The limit of tokens of an answer, where neither the evaluation nor the endpoint states one."""
NO_GRADER = "none"
"""In place of a grader's name: the item has no reference, and only what needs none is judged of its answer."""
WRONG, FAILED, RATE_LIMITED = "wrong", "failed", "declined"
"""The grader refutes the answer, or there is none; no valid answer; and that because of a 429."""
CUT, CUT_BY_DEFAULT, SPENT = "cut", "cut_by_default", "spent"
"""The answer ended at a limit of tokens; at our own one, which nobody chose; and this left none for a text."""
LOOP, EMPTY, REASONING_ONLY = "loop", "empty", "reasoning_only"
WRONG_SCRIPT, UNFINISHED, SHORTER = "wrong_script", "unfinished", "shorter"
"""What is wrong with a text whatever was asked: it repeats itself, is empty, is thought only, is in a script that the
prompt does not have, or ends in the middle of a sentence; it is much shorter than the other endpoint's."""
WITH_CHANCES, OTHER_CHANCES = "with_chances", "other_chances"
"""Both endpoints state log-probabilities of the answer; theirs are others."""
WITH_TOOLS, CALLED, WRONG_TRIGGER, WRONG_ARGUMENTS = "with_tools", "called", "wrong_trigger", "wrong_arguments"
"""Tools were offered; one was called; though none should be, or the other way round; with invalid arguments."""


@dataclass(frozen=True, slots=True)
class EvaluationItem:
    """One prompt of an evaluation: a text, or messages with roles.

    `reference` is what the grader compares the answer with, `options` are sent with this request alone (`tools`),
    `calls` says whether a tool must be called (None: the file does not say). `answers` are recorded answers, each with
    its outcome, where a peer has asked.
    """

    id: str
    inputs: Any
    reference: Any = None
    grader: str = "exact"
    options: Mapping[str, Any] = field(default_factory=dict)
    calls: bool | None = None
    answers: tuple[RecordedAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """An answer that was asked elsewhere: its text, whether it is right there, and why not, or why there is none."""

    text: str
    is_right: bool
    why: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class GradingRules:
    """What graders take beside the reference: tolerances of a number, the least similarity, the user's function."""

    tolerance: float = 0.0
    relative_tolerance: float = 0.0
    threshold: float = 0.8
    function: str | None = None


@dataclass(frozen=True, slots=True)
class GradingCase:
    """One answer to be graded. `embed` gives the vector of a text, `function` is the user's, where configured."""

    answer: str
    reference: Any
    rules: GradingRules = GradingRules()
    prompt: Any = None
    embed: Callable[[str], Sequence[float]] | None = None
    function: Callable[..., Any] | None = None


class Grader(Protocol):
    """Says whether an answer is right: one file of `harness/graders`, without IO.

    `takes` is the type of a reference (a list of them: any is right).
    """

    name: str
    title: str

    def find_problem(self, reference: Any, rules: GradingRules) -> str:
        """Why no answer could be graded with this reference, or every one would be right; empty: it can be."""

    def grade(self, case: GradingCase) -> str:
        """Why the answer is wrong; empty: it is right."""


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """A model that grades, and what shows how far it can be trusted: answers that people have labelled.

    `labelled` are (prompt, answer, reference, is it right).
    """

    endpoint: Endpoint
    template: str
    labelled: tuple[LabelledAnswer, ...] = ()
    repeats: int = 2
    swaps: int = 50


@dataclass(frozen=True, slots=True)
class LabelledAnswer:
    """An answer of this service that a person has called right or wrong."""

    prompt: str
    answer: str
    is_right: bool
    reference: str = ""


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """The items of an evaluation, and how they are asked and graded.

    Each is asked `repeats` times; pass@k and pass^k are about `k` of them. `claims` says whether the items alone are
    spoken of, or the population from which they were drawn at random. `margin` is by how much each rate may be worse
    than that of a second endpoint. `source` names the file, `digest` is its SHA-256, `recorded_by` the peer that asked.
    """

    items: tuple[EvaluationItem, ...]
    source: str
    digest: str = ""
    repeats: int = 1
    k: int = 1
    claims: Literal["items", "population"] = "items"
    rules: GradingRules = GradingRules()
    options: Mapping[str, Any] = field(default_factory=dict)
    embeddings: Endpoint | None = None
    judge: JudgeSettings | None = None
    margin: float = 0.02
    repeated: int = 0
    recorded_by: str = ""

    def list_endpoints(self) -> tuple[Endpoint, ...]:
        """The endpoints beside the one under test that are asked."""
        judge = self.judge.endpoint if self.judge else None
        return tuple(filter(None, (self.embeddings, judge)))

    def count_samples(self, metric: str, cap: int) -> int:
        """How many independent samples an objective on this metric has."""
        items = self.items[:cap]
        if metric == TOOL_TRIGGER_ACCURACY.name:
            return sum(item.calls is not None for item in items)
        if metric == TOOL_SCHEMA_ACCURACY.name:
            return sum("tools" in item.options for item in items)
        if metric in (GRADED_ACCURACY.name, PASS_AT_K.name, PASS_HAT_K.name):
            items = tuple(item for item in items if item.grader != NO_GRADER)
        if metric == GRADED_ACCURACY.name and self.claims == "items":
            return len(items) * self.repeats
        return len(items)

    def describe(self) -> dict[str, Any]:
        """What binds the verdicts, for the plan's hash."""
        judge = self.judge
        return {
            "source": self.source,
            "digest": self.digest,
            "repeats": self.repeats,
            "k": self.k,
            "claims": self.claims,
            "margin": self.margin,
            "options": dict(self.options),
            "judge": None if judge is None else [judge.endpoint.url, judge.endpoint.model, judge.template],
            "labelled": len(judge.labelled) if judge else 0,
        }


EVALUATION_GROUNDS = {
    "evaluation": "no prompts are configured ([evaluation] file or results)",
    "judge": "no judge is configured ([judge] url and model)",
    "evaluation_asked": "no prompts to ask are configured ([evaluation] file)",
    "graded_items": "no prompt has a reference ([evaluation] file)",
    "tool_items": "no prompt has tools ([evaluation] file)",
    "logprobs_asked": "no log-probabilities are asked for ([evaluation] options = { logprobs = true })",
    "second_endpoint": "no second endpoint is given (--ai-baseline=URL)",
}
"""What checks of an evaluation need, and why they are not judged without."""


def list_evaluation_grounds(evaluation: EvaluationSettings | None) -> dict[str, bool]:
    """What of these the configuration gives, but for a second endpoint."""
    if evaluation is None:
        return {}
    asked = not evaluation.recorded_by
    return {
        "evaluation": True,
        "judge": evaluation.judge is not None,
        "evaluation_asked": asked,
        "graded_items": asked and any(item.grader != NO_GRADER for item in evaluation.items),
        "tool_items": asked and any("tools" in item.options for item in evaluation.items),
        "logprobs_asked": asked and bool(evaluation.options.get("logprobs")),
    }


def load_grader(name: str) -> Grader:
    """The grader of this name. Raises `UsageError` with the known ones."""
    grader: Grader = load_plugin("graders", name).GRADER
    return grader


def list_references(reference: Any) -> list[Any]:
    """The references of which any makes an answer right."""
    return list(reference) if isinstance(reference, list | tuple) else [reference]
