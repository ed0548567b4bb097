"""Bad inputs are clearly refused, and the service works afterwards."""

from __future__ import annotations

from functools import partial

from harness.checks.bad_input.outcomes import BadInputTrial, judge_bad_input_refusals, judge_bad_inputs
from harness.checks.bad_input.parameters import BAD_PARAMETERS
from harness.checks.bad_input.requests import BAD_INPUTS, make_bad_request
from harness.checks.bad_input.unusable_inputs import (
    MOST_UNUSABLE,
    judge_promised_refusals,
    make_unusable_inputs,
    name_protocol_request,
)
from harness.checks.bad_input.values import MAX_BAD_VALUES, make_bad_values
from harness.core.mutation import ACCEPT_BAD_INPUT, CRASH_ON_BAD_INPUT, crash_after
from harness.protocols.shared.opaque_text import is_opaque_text
from harness.suite import Session, Verdict, check

from .bad_input_trials import (
    CONTROL_COST,
    TRIAL_COST,
    ask_control,
    make_bad_parameter,
    try_bad_request,
    try_bad_requests,
)

_TOKENS = 16
_ONE = CONTROL_COST + TRIAL_COST
_MAX_OF_PROTOCOL = 8
_HARMED = (CRASH_ON_BAD_INPUT, crash_after(CONTROL_COST))
_TAKEN = (ACCEPT_BAD_INPUT, CRASH_ON_BAD_INPUT, crash_after(CONTROL_COST))
"""What harms a service that survives bad inputs, and what becomes of a refusal."""


def _try_input(ai_client: Session, case: str) -> list[BadInputTrial]:
    return [try_bad_request(ai_client, make_bad_request(ai_client.request(), case))]


@check(
    "a bad input is survived",
    grounds=("http",),
    requests=_ONE,
    tokens=_TOKENS * _ONE,
    cases=BAD_INPUTS,
    broken_by=_HARMED,
)
def test_survives(ai_client: Session, case: str) -> Verdict:
    return judge_bad_inputs(ask_control(ai_client), _try_input(ai_client, case), ai_client.show)


@check(
    "a bad input is refused with a clear 4xx",
    level="warn",
    grounds=("http",),
    requests=0,
    cases=BAD_INPUTS,
    broken_by=_TAKEN,
)
def test_refused(ai_client: Session, case: str) -> Verdict:
    return judge_bad_input_refusals(ask_control(ai_client), _try_input(ai_client, case), ai_client.show)


def _try_values(ai_client: Session) -> list[BadInputTrial]:
    specs = ai_client.facts.inputs.get("inputs")
    variable = isinstance(specs, list) and any(spec["shape"][-1:] == [-1] for spec in specs)
    values = make_bad_values(ai_client.request(), ai_client.sample().inputs, variable=variable, is_file=is_opaque_text)
    return try_bad_requests(ai_client, values)


_VALUES = CONTROL_COST + TRIAL_COST * MAX_BAD_VALUES


@check(
    "values of the wrong kind, width or depth are survived",
    grounds=("http",),
    requests=_VALUES,
    tokens=_TOKENS * _VALUES,
    broken_by=_HARMED,
)
def test_survives_values(ai_client: Session) -> Verdict:
    return judge_bad_inputs(ask_control(ai_client), _try_values(ai_client), ai_client.show)


@check(
    "values of the wrong kind, width or depth are refused with a clear 4xx",
    level="warn",
    grounds=("http",),
    requests=0,
    broken_by=_TAKEN,
)
def test_refused_values(ai_client: Session) -> Verdict:
    return judge_bad_input_refusals(ask_control(ai_client), _try_values(ai_client), ai_client.show)


def _try_parameter(ai_client: Session, case: str) -> list[BadInputTrial]:
    return [try_bad_request(ai_client, make_bad_parameter(ai_client, case))]


parameter_check = partial(check, needs=("generates",), cases=tuple(BAD_PARAMETERS))


@parameter_check("a bad parameter is survived", requests=_ONE, tokens=_TOKENS * _ONE, broken_by=_HARMED)
def test_survives_parameter(ai_client: Session, case: str) -> Verdict:
    return judge_bad_inputs(ask_control(ai_client), _try_parameter(ai_client, case), ai_client.show)


@parameter_check("a bad parameter is refused with a clear 4xx", level="warn", requests=0, broken_by=_TAKEN)
def test_refused_parameter(ai_client: Session, case: str) -> Verdict:
    return judge_bad_input_refusals(ask_control(ai_client), _try_parameter(ai_client, case), ai_client.show)


def _try_protocol(ai_client: Session) -> list[BadInputTrial]:
    wrong = ai_client.adapter.bad_requests(ai_client.endpoint, ai_client.facts)
    requests = [name_protocol_request(name, request) for name, request in wrong.items()]
    return try_bad_requests(ai_client, requests[:_MAX_OF_PROTOCOL])


_PROTOCOL = CONTROL_COST + TRIAL_COST * _MAX_OF_PROTOCOL


@check(
    "requests that break the protocol are survived", requests=_PROTOCOL, tokens=_TOKENS * _PROTOCOL, broken_by=_HARMED
)
def test_survives_protocol(ai_client: Session) -> Verdict:
    return judge_bad_inputs(ask_control(ai_client), _try_protocol(ai_client), ai_client.show)


@check("requests that break the protocol are refused with a clear 4xx", level="warn", requests=0, broken_by=_TAKEN)
def test_refused_protocol(ai_client: Session) -> Verdict:
    return judge_bad_input_refusals(ask_control(ai_client), _try_protocol(ai_client), ai_client.show)


_PROMISED = CONTROL_COST + TRIAL_COST * MOST_UNUSABLE


@check(
    "bad inputs that are promised to be refused are not answered as if they were good",
    grounds=("refuses",),
    requests=_PROMISED,
    tokens=_TOKENS * _PROMISED,
    broken_by=(ACCEPT_BAD_INPUT,),
)
def test_promised_refusals(ai_client: Session) -> Verdict:
    wrong = ai_client.adapter.bad_requests(ai_client.endpoint, ai_client.facts)
    unusable = make_unusable_inputs(ai_client.request(), ai_client.sample().inputs, wrong, is_opaque_text)
    names = ai_client.promises.refuses
    trials = try_bad_requests(ai_client, unusable)
    return judge_promised_refusals(names, trials, ai_client.show)
