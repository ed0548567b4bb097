"""Bad inputs that a service is promised to refuse: without the input, of another kind, of another width.

Tested in tests/suites/integration/test_bad_inputs.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from harness.checks.bad_input.outcomes import BadInputTrial, Reaction, classify_reaction
from harness.checks.bad_input.requests import BadRequest, make_bad_request
from harness.checks.bad_input.values import MAX_BAD_VALUES, make_bad_values
from harness.checks.common import UNRELATED_STATUSES, Show, judge, judge_case
from harness.core.exchange import Exchange, Request
from harness.core.verdict import Case, Verdict, judge_contract

_ABOUT_INPUT = ("no_fields", "no_form", "empty_file", "file_of_text")
"""The wrong requests of protocols that have no JSON body, which are about the input."""
MOST_UNUSABLE = 1 + MAX_BAD_VALUES + len(_ABOUT_INPUT)


def make_unusable_inputs(
    request: Request, inputs: Any, of_protocol: Mapping[str, Request], is_file: Callable[[Any], bool]
) -> Iterator[BadRequest]:
    """The bad inputs that no answer can be right for, made from a valid request and what it was made from.

    `of_protocol` are the protocol's own wrong requests; `is_file` says whether a text holds a file.
    """
    if any(name.lower() == "content-type" and value.startswith("application/json") for name, value in request.headers):
        yield make_bad_request(request, "missing_field")
        yield from (bad for bad in make_bad_values(request, inputs, is_file=is_file) if not bad.may_accept)
    for name in _ABOUT_INPUT:
        if name in of_protocol:
            yield name_protocol_request(name, of_protocol[name])


def name_protocol_request(name: str, request: Request) -> BadRequest:
    """A wrong request of the protocol's own, under the name that it has in reports."""
    return BadRequest(f"{name} (protocol)", request, is_routing=True)


def is_refused(exchange: Exchange) -> bool:
    """Whether an input was refused for what it is, with a 4xx or, as simple services do, with a 5xx."""
    is_refusal = classify_reaction(exchange) in (Reaction.REFUSED, Reaction.BROKEN)
    return is_refusal and exchange.status not in UNRELATED_STATUSES


@judge
def judge_promised_refusals(names: Sequence[str], trials: Sequence[BadInputTrial], show: Show) -> Verdict:
    """None of the bad inputs of these names is answered as if it were a good one."""
    by_name = {trial.bad.name: trial for trial in trials}
    cases = []
    for name in names:
        trial = by_name.get(name)
        if trial is None:
            known = ", ".join(map(repr, by_name)) or "none"
            cases.append(Case(name, unjudged=f"no bad input of this name is made from the sample, but {known}"))
        elif trial.exchange is None or trial.exchange.status in UNRELATED_STATUSES:
            cases.append(Case(name, unjudged=trial.why or "its answer says nothing about the input"))
        else:
            problem, is_accepted = "", trial.reaction is Reaction.ACCEPTED
            if is_accepted:
                problem = f"a bad input is accepted as if it were good: {name}: {trial.exchange.outcome}"
            cases.append(judge_case(name, trial.exchange, problem, show))
    return judge_contract(cases, f"{len(cases)} bad inputs are not answered as if they were good")
