"""Concurrent requests: each gets the answer that it has alone, and no other request's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb

from harness.checks.common import (
    OVERLOAD_STATUSES,
    SERVICE_UNAVAILABLE,
    TOO_MANY_REQUESTS,
    Show,
    count_at_once,
    explain_decline,
    has_counterexample,
    judge,
    judge_case,
)
from harness.checks.comparison import compare_contents, find_owner
from harness.checks.control import Control
from harness.checks.generation.text_cases import count_common, quote_answer
from harness.checks.generation.thinking import describe_no_content, has_text
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

_PIECE = 4
"""Characters of another request's mark by which a piece of its answer is recognised."""
_LEAST_PIECES = 2
"""Answers with such pieces that are no accident."""
_LEAST_GAPS, _LEAST_LENGTH = 3, 20
"""How many answers must lack a piece in their middle before that is no slip of the model, and how many characters an
answer must have to be looked at."""
CHANCE = 0.01
"""A share of answers without their mark is another one than alone if chance makes it less likely than this."""


Round = Sequence[tuple[int, Exchange]]
"""The inputs that were sent side by side, by their numbers, each with its exchange."""


@judge
def judge_own_answers(
    control: Control, rounds: Sequence[Round], show: Show, beside: Sequence[str] = (), kinds: Sequence[str] = ()
) -> Verdict:
    """Every answer given side by side equals the one that its own request has alone.

    An answer that is another request's is named cross-talk. A request declined with 429 or 503 is unjudged. The control
    has marks if the service does not promise determinism: a language model may word an answer differently each time,
    and each is known by its mark. `beside` says what was sent among the requests of each round, where that was more
    than these inputs: a 503 that these rounds alone have is no lack of capacity. `kinds` says what each input is.
    """
    concurrent = [numbered for round_ in rounds for numbered in round_]
    company = [words for round_, words in zip(rounds, beside or [""] * len(rounds), strict=True) for _ in round_]
    distinct, why = select_shown_inputs(control)
    if why:
        return make_inconclusive(why, n=0)
    if not concurrent:
        return make_inconclusive("no requests were sent side by side", n=0)
    find_problem = _find_problem
    if control.marks:
        find_problem = _MarkReader(control, concurrent).find_problem
    cases = []
    statuses = (TOO_MANY_REQUESTS,) if _is_declined_in_company(concurrent, company) else OVERLOAD_STATUSES
    for place, (number, exchange) in enumerate(concurrent):
        kind = f": {kinds[number]}" if kinds else ""
        name = f"request {place} (input {number}{kind})"
        place_words = f"{name}, sent beside {company[place]}" if company[place] else name
        problem, unjudged = find_problem(control, number, exchange)
        unjudged = explain_decline(exchange, statuses) or unjudged
        cases.append(judge_case(name, exchange, problem and f"{place_words}: {problem}", show, unjudged))
    most = max(count_at_once(exchange for _, exchange in round_) for round_ in rounds)
    if most < 2 and not has_counterexample(cases):
        return make_inconclusive("no two requests were under way at the same time", n=0)
    holds = f"{len(concurrent)} requests in {len(rounds)} rounds, up to {most} at once, each got their own answer"
    if any(company):
        holds += f", {sum(map(bool, company))} of them beside bad or abandoned requests"
    return judge_contract(cases, holds, distinct=len(distinct))


def _is_declined_in_company(concurrent: Round, company: Sequence[str]) -> bool:
    """Whether requests beside bad ones are declined with 503, and those beside their like are not, beyond chance."""
    among: list[bool] = []
    alone: list[bool] = []
    for (_, exchange), words in zip(concurrent, company, strict=True):
        (among if words else alone).append(exchange.status == SERVICE_UNAVAILABLE)
    return bool(alone) and compute_later_chance(sum(alone), len(alone), sum(among), len(among)) < CHANCE


def select_shown_inputs(control: Control) -> tuple[list[int], str]:
    """The numbers of the inputs whose answers alone show which request they belong to, or why they are too few.

    With marks those are the inputs whose own mark both answers repeat; otherwise, those with distinct repeatable ones.
    """
    marked = []
    for number, exchanges in enumerate(zip(control.first, control.again, strict=True)):
        if all(control.list_marks(exchange.content) == [number] for exchange in exchanges):
            marked.append(number)
    return (marked, "") if len(marked) > 1 else control.select_distinct()


def _find_problem(control: Control, number: int, exchange: Exchange) -> tuple[str, str]:
    """What is wrong with the answer to this input beside others, and why it shows nothing; at most one of them."""
    if not exchange.ok:
        return f"it fails beside others: {exchange.outcome}", ""
    content = exchange.content
    change = compare_contents(control.contents[number], content)
    if change is None:
        return "", ""
    owner = find_owner(content, control.contents)
    if owner is not None:
        return f"cross-talk: it got the answer to input {owner}", ""
    return f"wrong answer under concurrency: {change}", ""


@dataclass(frozen=True, slots=True)
class _MarkReader:
    """Recognises answers of a model that may reword them by the marks that each was asked to repeat."""

    control: Control
    concurrent: Sequence[tuple[int, Exchange]]

    def find_problem(self, control: Control, number: int, exchange: Exchange) -> tuple[str, str]:
        """As `_find_problem`; an answer without any mark counts only if there are too many of them for chance."""
        if not exchange.ok:
            return f"it fails beside others: {exchange.outcome}", ""
        marks = control.list_marks(exchange.content)
        if marks == [number] or (not marks and self._has_own_words(number, exchange)):
            return "", ""
        if marks:
            other = next(mark for mark in marks if mark != number)
            return f"cross-talk: it has the code that input {other} asked for", ""
        if self._find_piece(number, exchange) and self._count_pieces() >= _LEAST_PIECES:
            return f"cross-talk: it has a piece of another answer: {exchange.text!r:.60}", ""
        if _has_gap(control.first[number].text, exchange.text) and self._count_gaps() >= _LEAST_GAPS:
            return (
                f"a piece of its answer is lost: {exchange.text!r:.60}, and {control.first[number].text!r:.60} alone",
                "",
            )
        alone, beside = self._count_unmarked_alone(), sum(1 for _ in self._list_unmarked())
        of_alone = len(control.first) + len(control.again)
        if compute_later_chance(alone, of_alone, beside, len(self.concurrent)) < CHANCE:
            counts = f"{beside} of {len(self.concurrent)} answers beside others lack the code that they were asked for"
            return f"{counts}, and {alone} of {of_alone} alone: {quote_answer(exchange.text)}", ""
        if not has_text(exchange):
            return "", describe_no_content(exchange)
        return "", f"it lacks the code that it was asked for: {quote_answer(exchange.text)}"

    def _has_own_words(self, number: int, exchange: Exchange) -> bool:
        """Whether an answer is the one that the input has alone, where that has no mark either."""
        own = self.control.first[number]
        return not self.control.list_marks(own.content) and compare_contents(own.content, exchange.content) is None

    def _list_unmarked(self) -> Iterator[tuple[int, Exchange]]:
        for number, exchange in self.concurrent:
            if exchange.ok and not self.control.list_marks(exchange.content):
                yield number, exchange

    def _count_unmarked_alone(self) -> int:
        alone = [*enumerate(self.control.first), *enumerate(self.control.again)]
        return sum(number not in self.control.list_marks(exchange.content) for number, exchange in alone)

    def _count_gaps(self) -> int:
        firsts = self.control.first
        return sum(_has_gap(firsts[number].text, exchange.text) for number, exchange in self._list_unmarked())

    def _count_pieces(self) -> int:
        return sum(self._find_piece(number, exchange) for number, exchange in self._list_unmarked())

    def _find_piece(self, number: int, exchange: Exchange) -> bool:
        """Whether an answer has a piece of a mark that is in no mark of its own request.

        Marks of many codes have pieces in common by chance.
        """
        own = self.control.marks[number]
        others = () if " " in own else filter(lambda mark: " " not in mark, self.control.marks)
        for other in others:
            for start in range(len(other) - _PIECE + 1):
                piece = other[start : start + _PIECE]
                if piece in exchange.text and piece not in own:
                    return True
        return False


def _has_gap(whole: str, text: str) -> bool:
    """Whether a text is the whole one without one piece of its middle."""
    if len(whole) < _LEAST_LENGTH or len(text) >= len(whole):
        return False
    begin, end = count_common(whole, text), count_common(whole[::-1], text[::-1])
    return min(begin, end) > 0 and begin < len(text) and begin + end >= len(text)


def compute_later_chance(alone: int, of_alone: int, beside: int, of_beside: int) -> float:
    """The probability of at least `beside` of all `alone + beside` events among the later ones, if chance placed them.

    Fisher's exact test, one-sided.
    """
    events, trials = alone + beside, of_alone + of_beside
    most = min(events, of_beside)
    ways = sum(comb(of_beside, count) * comb(of_alone, events - count) for count in range(beside, most + 1))
    return ways / comb(trials, events)
