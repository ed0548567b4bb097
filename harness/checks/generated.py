"""What the checks of generation share: one exchange judged as a case, and what its text says of a limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.checks.common import Show, told
from harness.checks.crosstalk import SHED
from harness.core.exchange import Answer, Exchange
from harness.core.verdict import Case


class Unjudged(str):
    """Why an answer shows nothing of what is asked."""

    __slots__ = ()


Problem = Callable[[Answer], str | None]
"""What is wrong with an answer, or None; `Unjudged` says why that cannot be told."""


def judged(name: str, exchange: Exchange, problem: Problem, show: Show) -> Case:
    """The exchange as one case: unjudged when it was declined, broken when it failed in any other way."""
    if exchange.status in SHED:
        return Case(name, unjudged=f"declined: {told(exchange)}")
    if not exchange.ok or exchange.answer is None:
        return Case(name, show(f"{name}: no valid answer: {told(exchange)}", exchange))
    wrong = problem(exchange.answer)
    if isinstance(wrong, Unjudged):
        return Case(name, unjudged=wrong)
    return Case(name, show(f"{name}: {wrong}", exchange) if wrong else None)


def text_of(exchange: Exchange) -> str:
    """The generated text; empty when there is none."""
    return (exchange.answer.text if exchange.answer else None) or ""


def stated_tokens(exchange: Exchange) -> int | None:
    """The completion tokens that the service states."""
    usage = exchange.answer.usage if exchange.answer else None
    return usage.completion_tokens if usage else None


def begins(text: str, longer: str) -> bool:
    """Whether a text is a beginning of a longer one, apart from blanks at its end and a character cut in its middle."""
    kept = text.rstrip("\N{REPLACEMENT CHARACTER}").rstrip()
    return longer.startswith(kept) and len(kept) < len(longer.rstrip())


def limit_for(exchange: Exchange, most: int) -> int | None:
    """A limit of tokens that must cut this answer: about half of it, at most `most`; None when it is too short."""
    made = stated_tokens(exchange) or len(text_of(exchange).split())
    return min(most, made // 2) or None


def stop_string(deltas: Sequence[str]) -> str | None:
    """A piece of the text that can be asked for as a stop sequence, with some of the text before it; None: none found.

    It spans two deltas of the stream where there are several, begins and ends with no blank, and is where the text
    has it for the first time.
    """
    text = "".join(deltas)
    ends = [sum(map(len, deltas[:count])) for count in range(1, len(deltas))]
    middle = len(text) // 2
    for at in sorted([*ends, *(() if ends else range(len(text)))], key=lambda each: abs(each - middle)):
        for before, after in ((1, 2), (1, 3), (2, 2), (2, 3), (3, 4)):
            found = text[max(0, at - before) : at + after]
            whole = len(found) == before + after and found == found.strip() and found.isprintable()
            if whole and text.find(found) == at - before and text[: at - before].strip():
                return found
    return None
