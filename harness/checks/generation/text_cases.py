"""What the checks of generation share: one exchange judged as a case, and what its text says of a limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.checks.common import Show, case, declined, told
from harness.core.exchange import Answer, Exchange, Usage
from harness.core.verdict import Case


class Unjudged(str):
    """Why an answer shows nothing of what is asked."""

    __slots__ = ()


Problem = Callable[[Answer], str | None]
"""What is wrong with an answer, or None; `Unjudged` says why that cannot be told."""


def judged(name: str, exchange: Exchange, problem: Problem, show: Show) -> Case:
    """The exchange as one case: unjudged when it was declined, broken when it failed in any other way."""
    wrong: str | None = f"no valid answer: {told(exchange)}"
    if exchange.ok and exchange.answer is not None:
        wrong = problem(exchange.answer)
    unjudged = declined(exchange) or (wrong if isinstance(wrong, Unjudged) else "")
    return case(name, exchange, wrong and f"{name}: {wrong}", show, unjudged)


def whole_and_streamed(found: Sequence[Exchange], problem: Problem, show: Show) -> list[Case]:
    """The answers to one request, whole and, where there is one, streamed, as a case each."""
    return [judged(name, each, problem, show) for name, each in zip(("whole", "streamed"), found, strict=False)]


def text_of(exchange: Exchange) -> str:
    """The generated text; empty when there is none."""
    return (exchange.answer.text if exchange.answer else None) or ""


def usage_of(answer: Answer | None) -> Usage:
    """The token counts that the service states; all None where it states none."""
    return (answer.usage if answer else None) or Usage()


def begins(text: str, longer: str) -> bool:
    """Whether a text is a beginning of a longer one, apart from blanks at its end and a character cut in its middle."""
    kept = text.rstrip("\N{REPLACEMENT CHARACTER}").rstrip()
    return longer.startswith(kept) and len(kept) < len(longer.rstrip())


def limit_for(exchange: Exchange, most: int) -> int | None:
    """A limit of tokens that must cut this answer: about half of it, at most `most`; None when it is too short."""
    made = usage_of(exchange.answer).completion_tokens or len(text_of(exchange).split())
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
