"""Limits of size: up to them answers are complete and right, above them there is a clear 4xx, and nothing breaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from harness.checks.bad_input.clean_errors import find_stack_trace
from harness.checks.bad_input.outcomes import Reaction, classify_reaction
from harness.checks.common import OVERLOAD_STATUSES, Show, judge, judge_case
from harness.checks.comparison import compare_contents, find_row_mismatch, select_row_outputs
from harness.checks.control import Control
from harness.checks.generation.text_cases import get_usage
from harness.checks.generation.thinking import explain_no_text, has_text
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

PROMPT_KIND = "prompt"
_CUT_SHARE = 0.6
"""A longer prompt seems cut if it counts less than this share of the tokens that its length suggests."""
_LEAST_GROWTH = 600
"""Characters between two prompts whose token counts are compared."""
_LEAST_DENSITY = 0.1
"""Tokens in a character of English text at least: a word has four letters, and is a token or more."""


class SizeOutcome(StrEnum):
    """What became of a request of one size."""

    ANSWERED = "answered"
    REFUSED = "refused"
    BROKEN = "refused as broken"
    HARMED = "harmed"
    """It hung or crashed the service, or its answer lacks a part."""
    DECLINED = "declined"


_OUTCOMES = {
    Reaction.REFUSED: SizeOutcome.REFUSED,
    Reaction.BROKEN: SizeOutcome.BROKEN,
    Reaction.REDIRECTED: SizeOutcome.BROKEN,
    Reaction.UNKNOWN: SizeOutcome.DECLINED,
}


@dataclass(frozen=True, slots=True)
class SizeTrial:
    """One request of `size`; `problem` says what is wrong with its answer."""

    size: int
    exchange: Exchange
    problem: str | None = None

    @property
    def outcome(self) -> SizeOutcome:
        """What became of it."""
        if self.problem:
            return SizeOutcome.HARMED
        if self.exchange.status in (*OVERLOAD_STATUSES, 401, 403):
            return SizeOutcome.DECLINED
        if self.exchange.ok:
            return SizeOutcome.ANSWERED
        return _OUTCOMES.get(classify_reaction(self.exchange), SizeOutcome.HARMED)


@dataclass(frozen=True, slots=True)
class SizeSearch:
    """A search for the largest request of a kind: the trials in their order, and a valid request after them.

    `what` and `unit` are words ("batch", "rows"). `stop_reason` says why the search ended before it reached a limit or
    the cap, `unshown` why the answers do not show whether they are whole.
    """

    what: str
    unit: str
    cap: int
    trials: Sequence[SizeTrial]
    control: Control
    after: Exchange
    stop_reason: str = ""
    unshown: str = ""

    def describe(self, trial: SizeTrial) -> str:
        """A trial's request in words."""
        return f"a {self.what} of {trial.size:,} {self.unit}"

    def list_answered(self) -> list[SizeTrial]:
        """The trials that were answered, the smallest first."""
        answered = [trial for trial in self.trials if trial.outcome is SizeOutcome.ANSWERED]
        return sorted(answered, key=lambda trial: trial.size)

    def has_stable_counts(self) -> bool:
        """Whether the same prompt counts the same tokens again, so that no cache is left out of the count."""
        first, again = self.control.first[0], self.control.again[0]
        return get_usage(first.answer).prompt_tokens == get_usage(again.answer).prompt_tokens

    @property
    def over(self) -> SizeTrial | None:
        """The smallest trial that was not answered."""
        over = [trial for trial in self.trials if trial.outcome is not SizeOutcome.ANSWERED]
        return min(over, key=lambda trial: trial.size, default=None)

    @property
    def limit(self) -> str:
        """The limit in a sentence."""
        largest, over = f"no {self.what} was answered", self.over
        if answered := self.list_answered():
            largest = f"the largest {self.what} answered has {answered[-1].size:,} {self.unit}"
        if over is None and self.stop_reason:
            return f"{largest}; {self.stop_reason}"
        if over is None:
            return f"{largest}: no limit up to this size, the largest that is tried"
        outcome = str(over.outcome)
        if over.exchange.status:
            outcome += f" ({over.exchange.status})"
        return f"{largest}; the smallest not answered has {over.size:,} and is {outcome}"


def find_batch_problem(control: Control, order: Sequence[int], batch: Exchange) -> str | None:
    """What is wrong with the answer to a batch of the rows `order`; `control` holds each row asked alone.

    If the rows have the same answers alone, or are not repeatable, only the number of answers is judged.
    """
    alone = [exchange.answer.arrays for exchange in control.first if exchange.answer is not None]
    if batch.answer is None or len(alone) < len(control.first):
        return None
    batched = batch.answer.arrays
    names = sorted(select_row_outputs(alone[0], batched, len(order), batch.answer.request_outputs))
    if problem := find_row_mismatch(batched, names, len(order)):
        return problem
    if control.select_distinct()[1]:
        return None
    for name in names:
        for place, row in enumerate(order):
            own = alone[row].get(name, [None])[:1]
            if difference := compare_contents({name: own}, {name: [batched[name][place]]}):
                batch_place = f"place {place} of a batch of {len(order)} rows"
                return f"{batch_place} differs from the row's answer alone: {difference}"
    return None


def explain_no_rows(control: Control, size: int, batch: Exchange) -> str:
    """Why the answer to a batch of several rows does not show whether it is whole; empty: it does, or there is none."""
    single, answer = control.first[0].answer, batch.answer
    if not batch.ok or size < 2 or single is None or answer is None:
        return ""
    if select_row_outputs(single.arrays, answer.arrays, size, answer.request_outputs):
        return ""
    return (
        "no output has one entry for each row, so answers do not show whether they are whole: only survival is judged"
    )


def find_answer_problem(control: Control, exchange: Exchange) -> str | None:
    """How the answer to the valid request in a larger body differs from the control's."""
    change = control.find_change(exchange) if exchange.ok else None
    return f"its answer differs from that to the same request without the blanks: {change}" if change else None


def find_empty_answer(control: Control, exchange: Exchange) -> str | None:
    """Whether the answer to a longer prompt is empty, although the control's is not and no limit of tokens cut it."""
    if not exchange.ok or control.first[0].content is None or has_text(exchange) or explain_no_text(exchange):
        return None
    return "its answer is empty"


def find_cut_prompt(answered: Sequence[SizeTrial]) -> tuple[SizeTrial, str] | None:
    """The first prompt whose tokens, as the service counts them, did not grow with its length, and both counts.

    None: all grew. Prompts differ only in the length of one filler, whose density the first growth shows.
    """
    counted = [(trial, tokens) for trial in answered if (tokens := get_usage(trial.exchange.answer).prompt_tokens)]
    density = _LEAST_DENSITY
    for (one, before), (other, after) in pairwise(counted):
        growth, longer_by = after - before, other.size - one.size
        if longer_by >= _LEAST_GROWTH and growth < _CUT_SHARE * density * longer_by:
            return other, f"it counts {after:,} tokens, and one of {one.size:,} characters {before:,}"
        density = max(density, growth / longer_by if longer_by >= _LEAST_GROWTH else 0.0)
    return None


@judge
def judge_sizes(search: SizeSearch, show: Show) -> Verdict:
    """Every success is complete and right; no size hangs or crashes the service, and it still works afterwards."""
    if obstacle := _find_obstacle(search):
        return obstacle
    cases = []
    for trial in search.trials:
        name, exchange = search.describe(trial), trial.exchange
        trace = find_stack_trace(exchange)
        problem = trace and f"the answer to {name} shows {trace}"
        if trial.outcome is SizeOutcome.HARMED:
            harm = trial.problem or f"it harms the service: {classify_reaction(exchange)}, {exchange.outcome}"
            problem = f"{name}: {harm}; {search.limit}"
        cases.append(judge_case(name, exchange, problem, show))
    cases.append(search.control.judge_last_request(search.after, show))
    return judge_contract(cases, search.limit).with_notes(
        search.limit, *filter(None, (search.stop_reason, search.unshown))
    )


@judge
def judge_sizes_over_limit(search: SizeSearch, show: Show) -> Verdict:
    """A request over a limit is refused with a clear 4xx; nothing is silently cut to fit."""
    if obstacle := _find_obstacle(search):
        return obstacle
    cases = []
    cut = None
    if search.what == PROMPT_KIND and search.has_stable_counts():
        cut = find_cut_prompt(search.list_answered())
    for trial in search.trials:
        name, problem, unjudged = search.describe(trial), "", ""
        if trial.outcome is SizeOutcome.DECLINED:
            unjudged = f"declined: {trial.exchange.outcome}"
        elif trial.outcome in (SizeOutcome.BROKEN, SizeOutcome.HARMED):
            problem = f"{name} is not refused with a 4xx: {trial.problem or trial.exchange.outcome}"
        elif cut and trial is cut[0]:
            problem = f"{name} seems silently cut: {cut[1]}"
        cases.append(judge_case(name, trial.exchange, problem, show, unjudged))
    return judge_contract(cases, search.limit).with_notes(search.limit)


def _find_obstacle(search: SizeSearch) -> Verdict | None:
    """INCONCLUSIVE, if not even the smallest request is answered, so that nothing can be judged."""
    if search.control.problem:
        return make_inconclusive(search.control.problem, n=0)
    if {SizeOutcome.ANSWERED, SizeOutcome.HARMED} & {trial.outcome for trial in search.trials}:
        return None
    why = search.trials[0].exchange.outcome if search.trials else search.stop_reason
    return make_inconclusive(f"not even the smallest {search.what} is answered: {why}", n=0)
