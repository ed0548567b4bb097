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

CONTENT_PAUSES = 2
"""Pauses after each of which an answer must be wrong that a model might have worded so by itself."""


@dataclass(frozen=True, slots=True)
class PausedAnswers:
    """So many seconds without a request, and the answers to the control's inputs right after them, in turn."""

    seconds: float
    after: Sequence[Exchange]


def find_content_problem(control: Control, pause: PausedAnswers) -> str:
    """What is wrong with a valid answer after a pause, or an empty text.

    A model that may word its answers as it likes forgets and says nothing now and then, whatever was before: of its
    answers all must be wrong, unless one is the answer to another request.
    """
    problems = []
    for number, exchange in enumerate(pause.after):
        if not exchange.ok:
            continue
        problem = _find_wrong_content(control, number, exchange)
        if control.find_other_input(number, exchange) is not None:
            return problem
        problems.append(problem)
    if control.may_reword and not all(problems):
        return ""
    return next(filter(None, problems), "")


def _find_wrong_content(control: Control, number: int, exchange: Exchange) -> str:
    if exchange.content is None and control.contents[number] is not None:
        return f"its answer is empty: {describe_no_content(exchange)}"
    if wrong := control.find_wrong_answer(number, exchange):
        return wrong
    first, again = (control.list_marks(asked[number].content) for asked in (control.first, control.again))
    if number in first and number in again and number not in control.list_marks(exchange.content):
        return f"its answer lacks the code {control.marks[number]!r}, which both answers before held"
    return ""


@judge
def judge_first_after_pause(control: Control, pauses: Sequence[PausedAnswers], show: Show) -> Verdict:
    """What was answered before a pause is answered alike right after it; `pauses` are repeats of one pause.

    A request that is declined with a stated wait shows nothing.
    """
    if why := control.problem or control.explain_empty():
        return make_inconclusive(why, n=0)
    lasts = len(pauses) >= CONTENT_PAUSES and all(find_content_problem(control, pause) for pause in pauses)
    cases = []
    for pause in pauses:
        for number, exchange in enumerate(pause.after):
            name = f"request {number + 1} after a pause of {pause.seconds:g} s"
            problem = unjudged = ""
            if is_declined(exchange):
                unjudged = f"declined: {exchange.outcome}"
            elif not exchange.ok:
                problem = f"{name} is not answered, and the same one was before: {exchange.outcome}"
            elif find_content_problem(control, pause) and (content := _find_wrong_content(control, number, exchange)):
                unjudged = f"{content}, once"
                if lasts:
                    problem, unjudged = f"{name}, after each of {len(pauses)} pauses: {content}", ""
            cases.append(judge_case(name, exchange, problem, show, unjudged))
    first = pauses[-1].after[0].timing.service_time or 0.0
    holds = f"{len(cases)} requests right after a pause of {pauses[0].seconds:g} s are answered as before"
    return judge_contract(cases, f"{holds}; the first one took {first:.2g} s", distinct=len(control.first))
