"""Thinking that callers switch on and off: each spelling that services know keeps what is promised, or is refused.

Promised is thinking (`on`), none (`off`), or that a switch which is accepted switches it (`callers`).

Tested in tests/checks/generation/test_reasoning.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.checks.bad_input.outcomes import Reaction, classify_reaction
from harness.checks.common import Show, explain_decline, judge, judge_case
from harness.checks.generation.template_marks import find_template_mark
from harness.checks.generation.text_cases import get_usage, is_cut
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, judge_contract

SPELLINGS: Mapping[str, Mapping[str, Any]] = {
    "enable_thinking true": {"chat_template_kwargs": {"enable_thinking": True}},
    "enable_thinking false": {"chat_template_kwargs": {"enable_thinking": False}},
    'enable_thinking "false"': {"chat_template_kwargs": {"enable_thinking": "false"}},
    "enable_thinking true, beside the messages": {"enable_thinking": True},
    "enable_thinking false, beside the messages": {"enable_thinking": False},
    "thinking enabled": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    "thinking disabled": {"thinking": {"type": "disabled"}},
    "reasoning_effort none": {"reasoning_effort": "none"},
    "reasoning_effort minimal": {"reasoning_effort": "minimal"},
    "reasoning_effort low": {"reasoning_effort": "low"},
    "reasoning_effort medium": {"reasoning_effort": "medium"},
    "reasoning_effort high": {"reasoning_effort": "high"},
    "reasoning_effort max": {"reasoning_effort": "max"},
    "reasoning with an effort": {"reasoning": {"effort": "low"}},
    "reasoning without one": {"reasoning": {"effort": "none"}},
    "think true": {"think": True},
    "think false": {"think": False},
    'think "high"': {"think": "high"},
}
"""The options by which callers of vLLM, SGLang, Qwen, Anthropic, OpenAI, OpenRouter and Ollama switch thinking."""
_SWITCH_OFF = (
    *("enable_thinking false", 'enable_thinking "false"', "enable_thinking false, beside the messages"),
    *("thinking disabled", "reasoning_effort none", "reasoning without one", "think false"),
)
_SWITCH_NOTHING = ("", "reasoning_effort minimal")


def find_thinking(exchange: Exchange) -> str:
    """The sign that the model thought before it answered; empty where there is none."""
    answer = exchange.answer
    if answer is None:
        return ""
    if answer.reasoning.strip():
        return f"thinking of {len(answer.reasoning)} characters, {answer.reasoning.strip()[:40]!r}"
    if tokens := get_usage(answer).reasoning_tokens:
        return f"{tokens} tokens of thinking in its usage"
    mark = find_template_mark(answer.text or "")
    return f"the mark {mark!r} in its text" if "think" in mark.lower() else ""


@judge
def judge_reasoning(promise: str, answers: Sequence[tuple[str, Exchange]], show: Show) -> Verdict:
    """Every answer has thinking where the promise is `on`, and none where it is `off`; a 4xx refuses a spelling.

    Where it is `callers` each spelling says which. `answers` has the plain request and each spelling by its name.
    """
    cases: list[Case] = []
    refused = 0
    for name, exchange in answers:
        is_refused = classify_reaction(exchange) is Reaction.REFUSED and bool(name)
        refused += is_refused
        wanted = _get_wanted(promise, name)
        problem = "" if is_refused else _find_broken_promise(wanted, promise, name or "no switch", exchange)
        unjudged = explain_decline(exchange)
        if not problem and not unjudged and wanted == "on" and _is_spent(exchange):
            unjudged = "the limit of tokens ended the answer before anything was written"
        cases.append(judge_case(name or "no switch", exchange, problem, show, unjudged))
    holds = f"with {len(answers)} spellings every answer {_HOLDS[promise]}"
    return judge_contract(cases, f"{holds}, or is refused ({refused})" if refused else holds)


_HOLDS = {"on": "has thinking", "off": "is without thinking", "callers": "has thinking where it is switched on, alone"}


def _get_wanted(promise: str, name: str) -> str:
    """Whether thinking must be `on` or `off` with a spelling; empty where either is right."""
    if promise != "callers":
        return promise
    if name in _SWITCH_NOTHING:
        return ""
    return "off" if name in _SWITCH_OFF else "on"


def _find_broken_promise(wanted: str, promise: str, name: str, exchange: Exchange) -> str:
    if not exchange.ok:
        return f"with {name} there is no valid answer: {exchange.outcome}"
    sign = find_thinking(exchange)
    promised = f"reasoning is promised to be {'as callers switch it' if promise == 'callers' else promise}"
    if wanted == "off" and sign:
        return f"{promised}, and with {name} the answer has {sign}"
    if wanted == "on" and not sign and not _is_spent(exchange):
        return f"{promised}, and with {name} the answer has none"
    return ""


def _is_spent(exchange: Exchange) -> bool:
    answer = exchange.answer
    return answer is not None and is_cut(answer) and not (answer.text or "").strip() and not find_thinking(exchange)
