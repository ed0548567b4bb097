"""Long prompts: the largest that held alone holds beside others, and what stands in one is known wherever it stands.

Tested in tests/suites/integration/test_long_prompts.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from harness.checks.bad_input.limits import SizeTrial, find_cut_prompt
from harness.checks.common import Show, explain_decline, is_clear_refusal, judge, judge_last_request, judge_success
from harness.checks.generation.thinking import explain_no_text
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Status, Verdict, judge_contract, make_inconclusive

FACT_PLACES = ("start", "middle", "end")
FACT_TRIALS = 5
"""How often a number that seems lost is asked for, each time another number and beside the control.

A model that forgets any number with probability p knows the three of the smallest prompt and loses one four times
beside its control with probability (1 - p)^3 (p(1 - p))^4, at most 0.0008.
"""


@judge
def judge_prompts_together(
    size: int, alone: Exchange, rounds: Mapping[int, Sequence[Exchange]], after: Exchange, show: Show
) -> Verdict:
    """Prompts of `size` characters, which are answered alone, are answered with so many in flight, or declined.

    A larger one was answered before. `after` is an ordinary request after all of them.
    """
    if explain_decline(alone) or is_clear_refusal(alone):
        return make_inconclusive(f"a prompt of {size:,} characters is not answered again alone: {alone.outcome}", n=0)
    failure = f"a prompt of {size:,} characters is not answered, and a larger one was before"
    cases = [judge_success("alone", alone, failure, show)]
    declined = 0
    for most, exchanges in rounds.items():
        answered = sum(exchange.ok for exchange in exchanges)
        failure = f"a prompt of {size:,} characters is answered alone and not {most} at a time"
        for number, exchange in enumerate(exchanges, 1):
            decline = explain_decline(exchange)
            declined += bool(decline)
            unjudged = decline if not answered else ""
            name = f"{most} at a time, prompt {number}"
            if decline and answered:
                cases.append(Case(name))
            else:
                cases.append(judge_success(name, exchange, failure, show, unjudged))
    most = max(rounds, default=0)
    cases.append(judge_last_request(after, show, f"after prompts of {size:,} characters, {most} at a time, it fails"))
    holds = f"prompts of {size:,} characters are answered up to {most} at a time, and a plain request after them"
    return judge_contract(cases, f"{holds}; {declined} were declined" if declined else holds)


@dataclass(frozen=True, slots=True)
class FactTrial:
    """The answer to a prompt of `size` characters that asks for a number which stands at one place in it."""

    size: int
    place: str
    number: str
    exchange: Exchange

    @property
    def is_known(self) -> bool:
        """Whether the answer, or the thinking before it, states the number."""
        answer = self.exchange.answer
        return answer is not None and self.number in f"{answer.text} {answer.reasoning}"

    @property
    def is_lost(self) -> bool:
        """Whether there is an answer without the number."""
        return self.exchange.ok and not self.is_known and not explain_no_text(self.exchange)


_get_size = attrgetter("size")


@dataclass(frozen=True, slots=True)
class FactSearch:
    """Trials by size, the smallest first, each size at all places; `again` are further trials of the first lost number,
    with the control (the smallest size, the same place) beside each; `longer` are longer prompts, at all places."""

    trials: Sequence[FactTrial]
    again: Sequence[tuple[FactTrial, FactTrial]] = ()
    longer: Sequence[FactTrial] = ()

    @property
    def smallest(self) -> int:
        """The size of the control."""
        return self.trials[0].size

    @property
    def largest_known(self) -> int:
        """The largest size at which all numbers were known, and at every smaller size, too; 0: there is none."""
        largest = 0
        for trial in sorted(self.trials, key=_get_size):
            if not trial.is_known:
                return max((other.size for other in self.trials if other.size < trial.size), default=0)
            largest = trial.size
        return largest

    def find_lost(self) -> FactTrial | None:
        """The smallest prompt whose answer lacks its number."""
        return next((trial for trial in sorted(self.trials, key=_get_size) if trial.is_lost), None)

    @property
    def is_loss_confirmed(self) -> bool:
        """Whether each further trial lost its number, and each control knew it."""
        return len(self.again) >= FACT_TRIALS - 1 and all(map(_is_confirmed, self.again))

    def find_cut(self) -> str:
        """What says that the longer prompts were cut: the tokens that each of them counts; empty if not all do so.

        They are compared with those of the prompts of which everything is known.
        """
        words = ""
        for long in self.longer:
            read = [trial for trial in self.trials if trial.place == long.place and trial.size <= self.largest_known]
            counted = [SizeTrial(trial.size, trial.exchange) for trial in (*sorted(read, key=_get_size), long)]
            cut = find_cut_prompt(counted)
            if cut is None or cut[0].size != long.size:
                return ""
            words = f"one of {long.size:,} characters is cut: {cut[1]}"
        return words


@judge
def judge_facts(search: FactSearch, show: Show) -> Verdict:
    """The numbers at the start, in the middle and at the end are known at every size, if they are at the smallest."""
    if not search.largest_known:
        unknown = next(trial for trial in search.trials if not trial.is_known)
        why = f"of {search.smallest} characters the number at the {unknown.place} is not known either"
        return make_inconclusive(f"what is known of a long prompt is not seen: {why}", n=0)
    largest = max(trial.size for trial in search.trials)
    known = (
        f"the largest prompt of which the numbers at start, middle and end are all known has {search.largest_known:,}"
    )
    known += " characters"
    lost = search.find_lost()
    if lost is None:
        cases = []
        for trial in search.trials:
            unjudged = "" if trial.is_known else explain_no_text(trial.exchange) or trial.exchange.outcome
            cases.append(Case(f"the {trial.place} of {trial.size:,} characters", unjudged=unjudged))
        return judge_contract(cases, f"{known}, the largest that was tried").with_notes(known)
    if not search.is_loss_confirmed:
        why = f"the number at the {lost.place} of {lost.size:,} characters is known in some answers only"
        return make_inconclusive(f"{known}; {why}", n=len(search.trials)).with_notes(known)
    reason = f"a prompt of {lost.size:,} characters is answered, and the number at its {lost.place} is known in none of"
    reason += f" {FACT_TRIALS} answers; {known} (tried up to {largest:,})"
    example = show(reason, lost.exchange)
    return Verdict(Status.FAIL, reason, n=len(search.trials), counterexamples=(example,), notes=(known,))


def find_cut_text(search: FactSearch, show: Show) -> Verdict | None:
    """FAIL where a part of long prompts does not reach the model, by what it knows and by the tokens that are counted.

    A model that forgets what it read counts it all the same, and is not blamed.
    """
    lost = search.find_lost()
    if lost is None or not search.is_loss_confirmed or not (cut := search.find_cut()):
        return None
    reason = f"a prompt of {lost.size:,} characters is answered with 200 and only a part of it reaches the model:"
    reason += f" the number at its {lost.place} is known in none of {FACT_TRIALS} answers, and {cut}"
    return Verdict(Status.FAIL, reason, n=len(search.trials), counterexamples=(show(reason, lost.exchange),))


def _is_confirmed(pair: tuple[FactTrial, FactTrial]) -> bool:
    long, control = pair
    return long.is_lost and control.is_known
