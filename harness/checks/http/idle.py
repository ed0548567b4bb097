"""The first requests after a pause: a model that was put away, or a connection that has died, is the service's affair.

Tested in tests/suites/integration/test_idle.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.checks.common import Show, judge, judge_case
from harness.checks.control import Control
from harness.checks.generation.thinking import describe_no_content
from harness.core.exchange import Exchange
from harness.core.retry_after import is_declined
from harness.core.verdict import Verdict, judge_contract, make_inconclusive
from harness.stats.chance import FALSE_ALARM, compute_later_chance

CONTENT_PAUSES, MOST_PAUSES = 2, 3
"""Pauses after each of which an answer must be wrong that no wording explains; and those before chance is judged."""
TIMES_LATER = 4
"""Answers without a pause that each input gives, to say how often a model errs by chance."""


@dataclass(frozen=True, slots=True)
class PausedAnswers:
    """So many seconds without a request, and the answers to the control's inputs right after them, in turn."""

    seconds: float
    after: Sequence[Exchange]


def has_lasting_problem(control: Control, pauses: Sequence[PausedAnswers], later: Sequence[Exchange] = ()) -> bool:
    """Whether answers are wrong because of the pause: after each of two, or more often than chance explains.

    A model that may word its answers as it likes forgets and says nothing now and then, whatever was before. `later`
    has answers to the inputs in turn, asked after the pauses without another one.
    """
    if _is_surely_wrong(control, pauses):
        return True
    return control.may_reword and _compute_chance(control, pauses, later) < FALSE_ALARM / 2


def _is_surely_wrong(control: Control, pauses: Sequence[PausedAnswers]) -> bool:
    return len(pauses) >= CONTENT_PAUSES and all(_has_sure_problem(control, pause) for pause in pauses)


def is_undecided(control: Control, pauses: Sequence[PausedAnswers]) -> bool:
    """Whether another pause could show that a wrong answer is due to the pause."""
    most = MOST_PAUSES if control.may_reword else CONTENT_PAUSES
    is_wrong = any(_find_wrong_content(control, *asked) for asked in enumerate(pauses[-1].after))
    return is_wrong and len(pauses) < most and not _is_surely_wrong(control, pauses)


def _has_sure_problem(control: Control, pause: PausedAnswers) -> bool:
    """Whether an answer is wrong that no wording explains: another request's, or one where none may be reworded."""
    for number, exchange in enumerate(pause.after):
        if exchange.ok and control.find_other_input(number, exchange) is not None:
            return True
        if not control.may_reword and _find_wrong_content(control, number, exchange):
            return True
    return False


def _compute_chance(control: Control, pauses: Sequence[PausedAnswers], later_alone: Sequence[Exchange]) -> float:
    """The probability that chance made so many answers after pauses wrong, all of them or the first of each pause.

    Fisher's exact test beside those without a pause; a caller who looks at both takes half of the level for each.
    """
    before = [_lacks_code(control, *asked) for asked in (*enumerate(control.first), *enumerate(control.again))]
    before += [_lacks_code(control, place % len(control.first), asked) for place, asked in enumerate(later_alone)]
    first, later = list[bool](), list[bool]()
    for pause in pauses:
        wrong = [bool(_find_wrong_content(control, *asked)) for asked in enumerate(pause.after)]
        first += wrong[:1]
        later += wrong[1:]
    others = [*before, *later]
    of_first = compute_later_chance(sum(others), len(others), sum(first), len(first))
    every = [*first, *later]
    return min(of_first, compute_later_chance(sum(before), len(before), sum(every), len(every)))


def _lacks_code(control: Control, number: int, exchange: Exchange) -> bool:
    return bool(control.marks) and number not in control.list_marks(exchange.content)


def _find_wrong_content(control: Control, number: int, exchange: Exchange) -> str:
    if not exchange.ok:
        return ""
    if exchange.content is None and control.contents[number] is not None:
        return f"its answer is empty: {describe_no_content(exchange)}"
    if wrong := control.find_wrong_answer(number, exchange):
        return wrong
    first, again = (control.list_marks(asked[number].content) for asked in (control.first, control.again))
    if number in first and number in again and number not in control.list_marks(exchange.content):
        return f"its answer lacks the code {control.marks[number]!r}, which both answers before held"
    return ""


@judge
def judge_first_after_pause(
    control: Control, pauses: Sequence[PausedAnswers], show: Show, later: Sequence[Exchange] = ()
) -> Verdict:
    """What was answered before a pause is answered alike right after it; `pauses` are repeats of one pause.

    A request that is declined with a stated wait shows nothing.
    """
    if why := control.problem or control.explain_empty():
        return make_inconclusive(why, n=0)
    lasts = has_lasting_problem(control, pauses, later)
    cases = []
    for pause in pauses:
        for number, exchange in enumerate(pause.after):
            name = f"request {number + 1} after a pause of {pause.seconds:g} s"
            problem = unjudged = ""
            if is_declined(exchange):
                unjudged = f"declined: {exchange.outcome}"
            elif not exchange.ok:
                problem = f"{name} is not answered, and the same one was before: {exchange.outcome}"
            elif content := _find_wrong_content(control, number, exchange):
                if lasts:
                    problem = f"{name}, and so after {len(pauses)} pauses: {content}"
                elif not control.may_reword:
                    unjudged = f"{content}, once"
            cases.append(judge_case(name, exchange, problem, show, unjudged))
    first = pauses[-1].after[0].timing.service_time or 0.0
    holds = f"{len(cases)} requests right after a pause of {pauses[0].seconds:g} s are answered as before"
    return judge_contract(cases, f"{holds}; the first one took {first:.2g} s", distinct=len(control.first))
