"""What the checks of generation share: one exchange as a case, and limits and stop sequences chosen for a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.checks.common import OVERLOAD_STATUSES, Show, explain_decline, is_clear_refusal, judge_case
from harness.core.exchange import Answer, Exchange, Usage
from harness.core.verdict import Case


class Unjudged(str):
    """Why an answer does not show what a check asks."""

    __slots__ = ()


Problem = Callable[[Answer], str | None]
"""Finds what is wrong with an answer, or None; `Unjudged` if the answer does not show it."""


def judge_exchange(name: str, exchange: Exchange, find_problem: Problem, show: Show) -> Case:
    """One exchange as a case: unjudged if it was declined, failed if it failed in any other way."""
    problem: str | None = f"no valid answer: {exchange.outcome}"
    if exchange.ok and exchange.answer is not None:
        problem = find_problem(exchange.answer)
    unjudged = explain_decline(exchange)
    if isinstance(problem, Unjudged):
        unjudged = unjudged or problem
    return judge_case(name, exchange, problem and f"{name}: {problem}", show, unjudged)


def judge_both_ways(exchanges: Sequence[Exchange], find_problem: Problem, show: Show) -> list[Case]:
    """The answers to one request, whole, (if there is one) streamed, and so under another name, as a case each."""
    names = ("whole", "streamed", "under the other name", "under the other name, streamed")
    return [
        judge_exchange(name, exchange, find_problem, show) for name, exchange in zip(names, exchanges, strict=False)
    ]


def is_unknown_form(exchange: Exchange) -> bool:
    """Whether a request in a form that a service need not know is refused, with whatever error."""
    return exchange.status is not None and exchange.status >= 400 and exchange.status not in OVERLOAD_STATUSES


def name_refused(holds: str, refused: Mapping[str, Exchange]) -> str:
    """The sentence of a PASS with the forms that were refused, and apart those that met a server error instead."""
    clear, broken = [], []
    for name, exchange in refused.items():
        if is_clear_refusal(exchange):
            clear.append(name)
        else:
            broken.append(f"{name} ({exchange.outcome})")
    if clear:
        holds = f"{holds}; refused: {', '.join(clear)}"
    if broken:
        holds = f"{holds}; refused by a server error, where a 4xx is due: {', '.join(broken)}"
    return holds


def quote_answer(text: str) -> str:
    """The beginning of an answer's text in quotes, or that it has none."""
    return f"{text!r:.60}" if text else "the text is empty"


def count_added_tokens(longer: Exchange, shorter: Exchange) -> int | None:
    """The prompt tokens that one request counts more than another; None if one of them states none."""
    more, fewer = get_usage(longer.answer).prompt_tokens, get_usage(shorter.answer).prompt_tokens
    if more is None or fewer is None:
        return None
    return more - fewer


def is_cut(answer: Answer) -> bool:
    """Whether the finish reason says that the limit of tokens cut the answer."""
    return answer.finish_reason in ("length", "max_tokens")


def get_usage(answer: Answer | None) -> Usage:
    """The token counts that the service states; all None if it states none."""
    return (answer.usage if answer else None) or Usage()


def count_text_tokens(answer: Answer) -> int | None:
    """The stated tokens of an answer without those of its thinking, which some services do not limit.

    None: they are not stated, or not stated apart although it thought.
    """
    usage = get_usage(answer)
    if usage.completion_tokens is None or (usage.reasoning_tokens is None and answer.reasoning):
        return None
    return usage.completion_tokens - (usage.reasoning_tokens or 0)


def count_common(one: str, other: str) -> int:
    """The number of characters with which both texts begin."""
    for place, (character, other_character) in enumerate(zip(one, other, strict=False)):
        if character != other_character:
            return place
    return min(len(one), len(other))


def is_beginning(text: str, longer: str) -> bool:
    """Whether a text begins a longer one, but for blanks at its end and a character that was cut in half."""
    stripped = text.rstrip("\N{REPLACEMENT CHARACTER}").rstrip()
    return longer.startswith(stripped) and len(stripped) < len(longer.rstrip())


def choose_limit(exchange: Exchange, most: int) -> int | None:
    """A limit of tokens that must cut this answer: about half of it, at most `most`; None: it is too short."""
    tokens = get_usage(exchange.answer).completion_tokens or len(exchange.text.split())
    return min(most, tokens // 2) or None


def choose_stop_sequence(deltas: Sequence[str]) -> str | None:
    """A piece of the text that can be used as a stop sequence, with some text before it; None: there is none.

    It spans two deltas of a stream of several, begins and ends without a blank, and occurs there for the first time.
    """
    text = "".join(deltas)
    ends = [sum(map(len, deltas[:count])) for count in range(1, len(deltas))]
    for end in sorted(ends or range(len(text)), key=lambda place: abs(place - len(text) // 2)):
        for before, after in ((1, 2), (1, 3), (2, 2), (2, 3), (3, 4)):
            start = end - before
            piece = text[max(0, start) : end + after]
            complete = len(piece) == before + after and piece == piece.strip() and piece.isprintable()
            if complete and text.find(piece) == start and text[:start].strip():
                return piece
    return None
