"""Marks of a chat template in generated text: they belong between the turns, and stand in no text that callers read.

Tested in tests/checks/generation/test_template_marks.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.checks.common import Show
from harness.core.exchange import Answer, Choice, EventKind, Exchange, Request
from harness.core.verdict import ALPHA, Case, Counterexample, Status, Verdict, judge_contract, make_inconclusive
from harness.stats.intervals import clopper_pearson_lower

_MARK = re.compile(
    r"<\|[A-Za-z][\w.\- ]{0,40}\|>"
    r"|<\uff5c[^<>\uff5c\n]{1,40}\uff5c>"
    r"|</?think(?:ing)?>|\[/?THINK\]"
    r"|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
    r"|\[/?(?:TOOL_CALLS|AVAILABLE_TOOLS|TOOL_RESULTS)\]"
    r"|</?(?:tool_calls?|tool_response|function_call)>|<function=\w+>"
    r"|<(?:bos|eos|pad|unk)>|</s>"
    r"|\A\s*(?:assistant|model)[ ]*\n"
)
"""Marks of the templates of ChatML, Llama, Mistral, Gemma, DeepSeek, Qwen, and of thinking and calls of tools; the name
of the role that begins a turn."""
_MADE_UP_TURNS = re.compile(r"(?:\b|\\n)(?:User|Human): .{0,300}?(?:\n|\\n)+(?:Assistant|AI):")
"""A turn of the user and the beginning of an answer to it, in text or in JSON: the end of the turn was not seen."""
_CLOSING = "</think>"
_OPENING = re.compile(r"<think(?:ing)?>|\[THINK\]")
_ESCAPES = {"\\u003c": "<", "\\u003C": "<", "\\u003e": ">", "\\u003E": ">", "\\uff5c": "\uff5c", "\\uFF5C": "\uff5c"}
_MOST_EXAMPLES = 3


def find_template_mark(text: str) -> str:
    """The first mark in a text; empty where there is none."""
    match = _MARK.search(text)
    return match[0] if match else ""


def _find_mark_or_turn(text: str, request: Request) -> str:
    """As `find_template_mark`; or turns that are made up, where the request is a conversation with turns of its own."""
    mark = find_template_mark(text)
    if mark or b'"messages"' not in request.body:
        return mark
    match = _MADE_UP_TURNS.search(text)
    return match[0] if match else ""


def find_written_mark(exchange: Exchange) -> str:
    """The first mark in what the service gave as text or as a call of a tool; thinking between tags is neither."""
    choices = exchange.answer.choices if exchange.answer else ()
    texts = [text for choice in choices for text in _list_texts(choice)]
    if exchange.answer and not choices:
        texts.append(exchange.answer.text or "")
    for text in texts:
        if mark := _find_mark_or_turn(text, exchange.request):
            return mark
    if any(choice.thinks_inline for choice in choices) and not _OPENING.search(_join_raw_text(exchange)):
        return _CLOSING
    return ""


def _list_texts(choice: Choice) -> Iterator[str]:
    yield choice.text
    for call in choice.tool_calls:
        yield call.name
        yield call.arguments


def _join_raw_text(exchange: Exchange) -> str:
    """What was received, before thinking was taken out of it."""
    deltas = [event.text for event in exchange.events if event.kind in (EventKind.DELTA, EventKind.REASONING)]
    body = exchange.response.body if exchange.response else b""
    return "".join(deltas) + _read_json_text(body)


def _read_json_text(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    for escape, character in _ESCAPES.items():
        text = text.replace(escape, character)
    return text


@dataclass(slots=True)
class TextTally:
    """The texts that a service wrote for requests without a mark in them, and those of them that hold a mark.

    `prompts` has a number for each distinct request.
    """

    texts: int = 0
    marked: int = 0
    prompts: set[int] = field(default_factory=set)
    marks: dict[str, int] = field(default_factory=dict)
    examples: list[Counterexample] = field(default_factory=list)

    def add(self, exchange: Exchange, show: Show) -> None:
        """Count an answer with a text; one to a request that holds a mark itself does not count."""
        answer = exchange.answer
        if not exchange.ok or answer is None or not _has_words(answer) or _holds_mark(exchange.request):
            return
        self.texts += 1
        self.prompts.add(hash(exchange.request.body))
        mark = find_written_mark(exchange)
        if not mark:
            return
        self.marked += 1
        self.marks[mark] = self.marks.get(mark, 0) + 1
        if len(self.examples) < _MOST_EXAMPLES:
            self.examples.append(show(f"the text holds {mark!r}, a mark of a chat template", exchange))


def _has_words(answer: Answer) -> bool:
    return bool((answer.text or "").strip() or answer.tool_calls or answer.thinks_inline)


def _holds_mark(request: Request) -> bool:
    return bool(_find_mark_or_turn(_read_json_text(request.body), request))


def judge_template_marks(tally: TextTally) -> Verdict:
    """FAIL where a text holds a mark that its request does not; the share of such answers is stated with its bound."""
    if not tally.texts:
        return make_inconclusive("no request was answered with a text", n=0)
    if not tally.marked:
        cases = [Case("an answer")] * tally.texts
        holds = f"none of {tally.texts} texts holds a mark of a chat template"
        return judge_contract(cases, holds, distinct=len(tally.prompts))
    least = clopper_pearson_lower(tally.marked, tally.texts, ALPHA)
    named = ", ".join(f"{mark!r} ({times})" for mark, times in tally.marks.items())
    reason = (
        f"{tally.marked} of {tally.texts} texts (at 95 %, at least {least:.2g} of all) hold a mark of a chat template "
        f"that their requests do not hold: {named}"
    )
    examples = tuple(tally.examples)
    return Verdict(Status.FAIL, reason, n=tally.texts, counterexamples=examples, method="contract")
