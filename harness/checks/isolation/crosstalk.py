"""Concurrent requests: each gets the answer that it has alone, and no other request's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from statistics import fmean

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
from harness.stats.beta import binomial_sf
from harness.stats.chance import FALSE_ALARM, compute_later_chance

_PIECE = 4
"""Characters of another request's mark by which a piece of its answer is recognised."""
_LEAST_LENGTH = 20
"""Characters that an answer must have before a piece is missed in its middle."""
_DOUBTFUL = 0.2
"""Where chance makes it less likely than this that so many answers lack their marks, more answers alone decide."""
_UNLIKELY = 0.01
"""Chance is no reason for refusals beside bad requests alone that is less likely than this."""
_MOST_ALONE = 64
"""Answers alone that are asked for then."""


Round = Sequence[tuple[int, Exchange]]
"""The inputs that were sent side by side, by their numbers, each with its exchange."""


@judge
def judge_own_answers(
    control: Control,
    rounds: Sequence[Round],
    show: Show,
    beside: Sequence[str] = (),
    kinds: Sequence[str] = (),
    later: Round = (),
) -> Verdict:
    """Every answer given side by side equals the one that its own request has alone.

    An answer that is another request's is named cross-talk. A request declined with 429 or 503 is unjudged. The control
    has marks if the service does not promise determinism: a language model may word an answer differently each time,
    and each is known by its mark. `beside` says what was sent among the requests of each round, where that was more
    than these inputs: a 503 that these rounds alone have is no lack of capacity. `kinds` says what each input is.
    `later` has the inputs of `list_doubtful`, asked alone after all rounds.
    """
    concurrent = list(chain.from_iterable(rounds))
    company = [words for round_, words in zip(rounds, beside or [""] * len(rounds), strict=True) for _ in round_]
    distinct, why = select_shown_inputs(control)
    if why:
        return make_inconclusive(why, n=0)
    if not concurrent:
        return make_inconclusive("no requests were sent side by side", n=0)
    find_problem = _find_problem
    if control.marks:
        find_problem = _MarkReader(control, concurrent, later).find_problem
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
    return bool(alone) and compute_later_chance(sum(alone), len(alone), sum(among), len(among)) < _UNLIKELY


def select_shown_inputs(control: Control) -> tuple[list[int], str]:
    """The numbers of the inputs whose answers alone show which request they belong to, or why they are too few.

    With marks those are the inputs whose own mark both answers repeat; otherwise, those with distinct repeatable ones.
    """
    marked = []
    for number, exchanges in enumerate(zip(control.first, control.again, strict=True)):
        if all(control.list_marks(exchange.content) == [number] for exchange in exchanges):
            marked.append(number)
    return (marked, "") if len(marked) > 1 else control.select_distinct()


def list_doubtful(control: Control, rounds: Sequence[Round]) -> list[int]:
    """The numbers of inputs to be asked alone once more, because too many of the answers beside others lack marks.

    A model may forget its marks, too: how often it does is shown by answers that did not choose the inputs.
    """
    concurrent = list(chain.from_iterable(rounds))
    reader = _MarkReader(control, concurrent, ())
    losses = {reader.find_loss(*numbered, _DOUBTFUL) for numbered in concurrent if control.marks}
    numbers = list(map(itemgetter(0), concurrent)) if any(losses) else []
    if _GAP in "".join(losses):
        numbers = list(filter(reader.is_long, numbers)) * 3
    return numbers[:_MOST_ALONE]


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
    """Recognises answers of a model that may reword them by the marks that each was asked to repeat.

    `later`: answers alone after the others. Without them the control's show no more than that there is a doubt.
    """

    control: Control
    concurrent: Round
    later: Round

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
        if self._has_piece(number, exchange) and self._compute_chance_of_pieces() < FALSE_ALARM:
            return f"cross-talk: it has a piece of another answer: {exchange.text!r:.60}", ""
        if loss := self.find_loss(number, exchange, FALSE_ALARM):
            return loss, ""
        if not has_text(exchange):
            return "", describe_no_content(exchange)
        return "", f"it lacks the code that it was asked for: {quote_answer(exchange.text)}"

    def find_loss(self, number: int, exchange: Exchange, level: float) -> str:
        """What an answer lacks, if chance explains so many such answers beside others less often than this, or ''."""
        if not exchange.ok or self.control.list_marks(exchange.content):
            return ""
        alone = self.later or [*enumerate(self.control.first), *enumerate(self.control.again)]
        long_alone, long_beside = (list(filter(self._is_long_one, answers)) for answers in (alone, self.concurrent))
        kinds = ((_GAP, self._has_gap, long_alone, long_beside), (_NO_MARK, self._lacks_mark, alone, self.concurrent))
        for words, is_lost, before, beside in kinds:
            counts = (*_count(is_lost, before), *_count(is_lost, beside))
            if is_lost(number, exchange) and compute_later_chance(*counts) < level:
                lost = f"{counts[2]} of {counts[3]} answers beside others {words}, and {counts[0]} of {counts[1]} alone"
                return f"{lost}: {quote_answer(exchange.text)}, and {self.control.first[number].text!r:.60} alone"
        return ""

    def _is_long_one(self, numbered: tuple[int, Exchange]) -> bool:
        return self.is_long(numbered[0])

    def is_long(self, number: int) -> bool:
        """Whether the answer to an input is so long that a piece may be missed in its middle."""
        return len(self.control.first[number].text) >= _LEAST_LENGTH

    def _lacks_mark(self, number: int, exchange: Exchange) -> bool:
        return number not in self.control.list_marks(exchange.content)

    def _has_gap(self, number: int, exchange: Exchange) -> bool:
        """Whether an answer without its mark is the first one alone without one piece of its middle."""
        return self._lacks_mark(number, exchange) and _has_gap(self.control.first[number].text, exchange.text)

    def _has_own_words(self, number: int, exchange: Exchange) -> bool:
        """Whether an answer is the one that the input has alone, where that has no mark either."""
        own = self.control.first[number]
        return not self.control.list_marks(own.content) and compare_contents(own.content, exchange.content) is None

    def _has_piece(self, number: int, exchange: Exchange) -> bool:
        """Whether an answer has a piece of a mark that is in no mark of its own request."""
        return any(piece in exchange.text for piece in self._list_pieces(number))

    def _list_pieces(self, number: int) -> set[str]:
        """The pieces of others' marks. Marks of many codes have pieces in common by chance, and count for nothing."""
        own = self.control.marks[number]
        others = () if " " in own else filter(lambda mark: " " not in mark, self.control.marks)
        return set(chain.from_iterable(map(_list_windows, others))) - set(_list_windows(own))

    def _compute_chance_of_pieces(self) -> float:
        """The probability of so many pieces of others in answers of a model that writes digits at random."""
        seen, expected = 0, list[float]()
        for number, exchange in self.concurrent:
            if exchange.ok and not self.control.list_marks(exchange.content):
                windows = sum(map(str.isdigit, _list_windows(exchange.text)))
                expected.append(min(1.0, windows * len(self._list_pieces(number)) / 10**_PIECE))
                seen += self._has_piece(number, exchange)
        return binomial_sf(seen, len(expected), fmean(expected)) if seen else 1.0


_NO_MARK, _GAP = "lack the code that they were asked for", "lack a piece in their middle"


def _count(is_lost: Callable[[int, Exchange], bool], answers: Round) -> tuple[int, int]:
    """How many answers have lost something, and how many there are; those that failed say nothing."""
    lost = of_all = 0
    for number, exchange in answers:
        if exchange.ok:
            lost += is_lost(number, exchange)
            of_all += 1
    return lost, of_all


def _list_windows(text: str) -> list[str]:
    return [text[start : start + _PIECE] for start in range(len(text) - _PIECE + 1)]


def _has_gap(whole: str, text: str) -> bool:
    """Whether a text is the whole one without one piece of its middle."""
    if len(whole) < _LEAST_LENGTH or len(text) >= len(whole):
        return False
    begin, end = count_common(whole, text), count_common(whole[::-1], text[::-1])
    return min(begin, end) > 0 and begin < len(text) and begin + end >= len(text)
