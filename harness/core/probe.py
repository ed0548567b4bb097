"""What a probe of a language model is written with: its forms, the control of each, and a detector without a judge.

A probe sends nothing. The driver (`harness.run.probing`) sends its prompts with fresh canaries, and
`harness.checks.probing` judges what the detector says of the answers.

Tested in tests/probes/test_probes_conformance.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.core.canary import Mint
from harness.core.exchange import Exchange
from harness.core.mutation import Mutation, mutate

TAXONOMY: Mapping[str, str] = {
    "LLM01": "OWASP LLM01:2025 prompt injection",
    "LLM02": "OWASP LLM02:2025 sensitive information disclosure",
    "LLM05": "OWASP LLM05:2025 improper output handling",
    "LLM06": "OWASP LLM06:2025 excessive agency",
    "LLM07": "OWASP LLM07:2025 system prompt leakage",
    "LLM10": "OWASP LLM10:2025 unbounded consumption",
    "AML.T0029": "MITRE ATLAS AML.T0029 denial of AI service",
    "AML.T0051.000": "MITRE ATLAS AML.T0051.000 direct prompt injection",
    "AML.T0051.001": "MITRE ATLAS AML.T0051.001 indirect prompt injection",
    "AML.T0053": "MITRE ATLAS AML.T0053 AI agent tool invocation",
    "AML.T0054": "MITRE ATLAS AML.T0054 LLM jailbreak",
    "AML.T0056": "MITRE ATLAS AML.T0056 extract LLM system prompt",
    "AML.T0057": "MITRE ATLAS AML.T0057 LLM data leakage",
}
"""What a probe is tagged with: the risks of OWASP's Top 10 for LLMs (2025) and techniques of MITRE ATLAS."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request of a probe: messages, and options under their names in OpenAI's API (`tools`, ...)."""

    messages: tuple[Mapping[str, Any], ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProbeForm:
    """One way to try it. `name` says what was tried, as the report quotes it.

    `control` is the same prompt without what is planted; None where the detector needs none. `canary` is what
    the answer must not hold, `mark` whatever else the probe wants to know of the form.
    """

    name: str
    attack: Prompt
    control: Prompt | None = None
    canary: str = ""
    mark: str = ""


Continue = Callable[[ProbeForm, Prompt, Exchange], Prompt | None]
"""The next request of a conversation after this one and its answer; None: it has ended."""


def _end_conversation(form: ProbeForm, prompt: Prompt, exchange: Exchange) -> Prompt | None:
    return None


def _see_all(form: ProbeForm, attack: Exchange, control: Exchange) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeKind:
    """One probe. A file in `harness/probes/` offers one as `PROBE`.

    `make_forms` makes what is tried, `make_abilities` what shows that the model is able to do it at all: the same
    thing asked for openly, and allowed. Without an ability that the detector confirms, an answer without a finding
    shows nothing. A probe of the service, and not of the model, has no abilities.

    `find_hit` says what is wrong with an answer, or None; a hit in the control as well shows nothing. `compare` does so
    for an answer and its control's, where only both together show it; what it says must be repeated `repeats` times,
    and `explain_unseen` says why two answers do not show it.

    `holds` is what a PASS states. `tags` are keys of `TAXONOMY`. `needs` and `grounds` are those of a check, `tokens`
    the limit of an answer. `most_turns` bounds a conversation that `go_on` continues. `broken_by` are mutations that
    break what it states, for the proof that it can fail.
    """

    name: str
    title: str
    holds: str
    tags: tuple[str, ...]
    make_forms: Callable[[Mint], Sequence[ProbeForm]]
    make_abilities: Callable[[Mint], Sequence[ProbeForm]] = lambda mint: ()
    find_hit: Callable[[ProbeForm, Exchange], str | None] = lambda form, exchange: None
    compare: Callable[[ProbeForm, Exchange, Exchange], str | None] | None = None
    explain_unseen: Callable[[ProbeForm, Exchange, Exchange], str] = _see_all
    level: Literal["blocker", "warn", "info"] = "warn"
    needs: tuple[str, ...] = ("generates",)
    grounds: tuple[str, ...] = ()
    tokens: int = 48
    repeats: int = 0
    go_on: Continue = _end_conversation
    most_turns: int = 1
    broken_by: tuple[Mutation, ...] = (mutate("echo_request"), mutate("echo_request", without=" and "))

    @property
    def clauses(self) -> tuple[str, ...]:
        """The tags in words."""
        return tuple(TAXONOMY[tag] for tag in self.tags)

    @property
    def requests(self) -> int:
        """The most requests that it sends."""
        forms = self.make_forms(str)
        arms = sum(1 if form.control is None else 2 for form in forms)
        further = (self.most_turns - 1) * arms + self.repeats * 2 * len(forms)
        return arms + further + len(self.make_abilities(str))


def read_everything(exchange: Exchange) -> str:
    """All that a service says in an answer: text, thinking, calls, header lines and body."""
    parts = []
    if answer := exchange.answer:
        calls = [f"{call.name} {call.arguments}" for call in answer.tool_calls]
        parts += [answer.text or "", answer.reasoning, *calls]
    if exchange.response:
        parts += [f"{name}: {value}" for name, value in exchange.response.headers]
        parts.append(exchange.response.body.decode("utf-8", "replace"))
    return "\n".join(parts)


def read_output(exchange: Exchange) -> str:
    """What the model says to its user and its tools: text and calls, without what it thinks."""
    answer = exchange.answer
    if answer is None:
        return ""
    calls = [f"{call.name} {call.arguments}" for call in answer.tool_calls]
    return "\n".join([answer.text or "", *calls])
