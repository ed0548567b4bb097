"""Texts that look like marks and switches of a chat template: callers' words, which are kept and switch nothing.

Tested in tests/checks/generation/test_template_texts.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.checks.common import Show, explain_decline, is_clear_refusal, judge, judge_case
from harness.checks.generation.echo import MARK_AFTER, MARK_BEFORE
from harness.checks.generation.reasoning import find_thinking
from harness.checks.generation.text_cases import get_usage
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive
from harness.stats.chance import count_telling_pairs

TEMPLATE_TEXTS = (
    *("/srv/think/a", "/no_think", "/think", "<think>", "</think>", "[INST]", "<|im_end|>", "</s>"),
    *("<start_of_turn>", "<tool_call>", "### Instruction:", "User:", "{{ 7 * 7 }}", "{name}"),
)
"""Switches, marks, beginnings of turns, and what templates of other languages would fill in."""
PLAIN = ""
"""The text of the control."""
CONFIRMED_TEXTS = 2
"""Texts that are sent again because they seem lost: one that is proven so decides the check."""
TEXT_REPEATS = count_telling_pairs(CONFIRMED_TEXTS)
"""How often each of them is sent again, each time beside the control."""
_CLOSING = "</think>"


def write_prompt(text: str) -> str:
    """A request to repeat words with the text among them."""
    return f"Repeat after me: {MARK_BEFORE} words {text} words {MARK_AFTER}".replace("  ", " ")


@dataclass(frozen=True, slots=True)
class TemplateAnswers:
    """The answers to the control and to each text; `pairs` has those to a text with the control's answer beside it."""

    control: Sequence[Exchange]
    pairs: Mapping[str, Sequence[tuple[Exchange, Exchange]]] = field(default_factory=dict)


def find_lost_text(text: str, exchange: Exchange, control: Exchange) -> str:
    """What shows that a text was lost, or that it switched thinking on or off; empty if nothing does."""
    if not exchange.ok or not control.ok:
        return ""
    thinks, usually = find_thinking(exchange), find_thinking(control)
    is_own_mark = text == _CLOSING and exchange.answer is not None and exchange.answer.thinks_inline
    if not is_own_mark and bool(thinks) is not bool(usually) and not _has_text(text, exchange):
        return f"the text {text!r} in a message switches thinking {'on' if thinks else 'off'}"
    tokens, plain = count_prompt_tokens(exchange), count_prompt_tokens(control)
    if tokens is not None and plain is not None and tokens <= plain:
        return f"the text {text!r} in a message is lost: {tokens} prompt tokens with it, {plain} without it"
    if _repeats_words(control) and _repeats_words(exchange) and not _has_text(text, exchange):
        return f"the text {text!r} in a message is lost: the words around it are repeated, and it is not"
    return ""


def shows_loss(text: str, exchange: Exchange, control: Exchange) -> bool:
    """Whether the answers would show that a text was lost: by token counts, or by the words around it."""
    has_counts = count_prompt_tokens(exchange) is not None and count_prompt_tokens(control) is not None
    return has_counts or (_repeats_words(control) and _has_text(text, exchange))


def count_prompt_tokens(exchange: Exchange) -> int | None:
    """The prompt tokens that the service states; None where it does not."""
    return get_usage(exchange.answer).prompt_tokens if exchange.answer else None


def _join_text(exchange: Exchange) -> str:
    """The text as it was written, thinking between tags included."""
    answer = exchange.answer
    if answer is None:
        return ""
    if answer.thinks_inline:
        return f"{answer.reasoning}{_CLOSING}{answer.text or ''}"
    return answer.text or ""


def _has_text(text: str, exchange: Exchange) -> bool:
    """Whether the answer holds the text, in whatever case."""
    return text.casefold() in _join_text(exchange).casefold()


def _repeats_words(exchange: Exchange) -> bool:
    text = _join_text(exchange)
    begin, end = text.find(MARK_BEFORE), text.find(MARK_AFTER)
    return 0 <= begin < end and text.casefold().count("words", begin, end) > 1


def _name_change(change: str) -> str:
    return change.partition(":")[0]


@judge
def judge_template_texts(answers: TemplateAnswers, show: Show) -> Verdict:
    """FAIL where a text is lost each time that it is sent, or switches thinking on, or off, beside the control.

    A text that the service refuses with a 4xx is not lost; any other error breaks a valid request.
    """
    control = answers.control
    failed = next((exchange for exchange in control if not exchange.ok), None)
    if failed is not None:
        return make_inconclusive(f"the request without any such text is not answered: {failed.outcome}", n=0)
    cases: list[Case] = []
    for text, pairs in answers.pairs.items():
        exchange, beside = pairs[0]
        changes = [find_lost_text(text, *pair) for pair in pairs]
        is_one_change = len(set(map(_name_change, changes))) == 1
        problem = changes[0] if len(pairs) > TEXT_REPEATS and is_one_change else ""
        if not exchange.ok and not is_clear_refusal(exchange):
            problem = f"the text {text!r} in a message, which is ordinary text, is not answered: {exchange.outcome}"
        unjudged = explain_decline(exchange)
        if not (problem or unjudged) and exchange.ok and not shows_loss(text, exchange, beside):
            unjudged = "the service states no prompt tokens, and does not repeat the words around the text"
        cases.append(judge_case(f"the text {text!r}", exchange, problem, show, unjudged))
    return judge_contract(cases, f"{len(cases)} texts that look like marks of a template are kept, and switch nothing")
