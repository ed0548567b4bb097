"""Bad inputs are refused clearly, and the service lives on."""

from __future__ import annotations

from dataclasses import replace

from harness.checks.bad_input.outcomes import Asked, refused, survived
from harness.checks.bad_input.parameters import LIMIT, PARAMETERS
from harness.checks.bad_input.requests import BAD_INPUTS, MARK, Bad, filled, made
from harness.checks.bad_input.values import MOST, values
from harness.suite import Session, Verdict, check

from .generating import limit_name
from .spoiling import EACH, PLAIN, known, put, put_all

_TOKENS = 16
ONE = PLAIN + EACH
MOST_OF_PROTOCOL = 8
_PROMPT = "Say hello."


def _input(ai_client: Session, case: str) -> list[Asked]:
    return [put(ai_client, made(ai_client.request(), case))]


@check("a bad input is survived", grounds=("http",), requests=ONE, tokens=_TOKENS * ONE, cases=BAD_INPUTS)
def test_survives(ai_client: Session, case: str) -> Verdict:
    return survived(known(ai_client), _input(ai_client, case), ai_client.show)


@check("a bad input is refused with a clear 4xx", level="warn", grounds=("http",), requests=0, cases=BAD_INPUTS)
def test_refused(ai_client: Session, case: str) -> Verdict:
    return refused(known(ai_client), _input(ai_client, case), ai_client.show)


def _values(ai_client: Session) -> list[Asked]:
    specs = ai_client.facts.inputs.get("inputs")
    variable = isinstance(specs, list) and any(each["shape"][-1:] == [-1] for each in specs)
    return put_all(ai_client, values(ai_client.request(), ai_client.sample().inputs, variable=variable))


VALUES = PLAIN + EACH * MOST


@check(
    "values of the wrong kind, width or depth are survived", grounds=("http",), requests=VALUES, tokens=_TOKENS * VALUES
)
def test_survives_values(ai_client: Session) -> Verdict:
    return survived(known(ai_client), _values(ai_client), ai_client.show)


@check(
    "values of the wrong kind, width or depth are refused with a clear 4xx", level="warn", grounds=("http",), requests=0
)
def test_refused_values(ai_client: Session) -> Verdict:
    return refused(known(ai_client), _values(ai_client), ai_client.show)


def _parameter(ai_client: Session, case: str) -> list[Asked]:
    given, sample = PARAMETERS[case], ai_client.sample()
    option = limit_name(sample) if given.option == LIMIT else given.option
    # The prompt's answer ends by itself: a limit of -1 or 0 is no limit to some.
    query = replace(sample, inputs=_PROMPT, options={**sample.options, option: MARK})
    request = ai_client.request(query)
    return [put(ai_client, Bad(case, replace(request, body=filled(request.body, given.raw)), given.odd))]


@check("a bad parameter is survived", needs=("generates",), requests=ONE, tokens=_TOKENS * ONE, cases=tuple(PARAMETERS))
def test_survives_parameter(ai_client: Session, case: str) -> Verdict:
    return survived(known(ai_client), _parameter(ai_client, case), ai_client.show)


@check(
    "a bad parameter is refused with a clear 4xx",
    level="warn",
    needs=("generates",),
    requests=0,
    cases=tuple(PARAMETERS),
)
def test_refused_parameter(ai_client: Session, case: str) -> Verdict:
    return refused(known(ai_client), _parameter(ai_client, case), ai_client.show)


def _of_protocol(ai_client: Session) -> list[Asked]:
    wrong = ai_client.adapter.bad_requests(ai_client.endpoint, ai_client.facts)
    given = [Bad(f"{name} (protocol)", each, routed=True) for name, each in wrong.items()]
    return put_all(ai_client, given[:MOST_OF_PROTOCOL])


PROTOCOL = PLAIN + EACH * MOST_OF_PROTOCOL


@check("requests that break the protocol are survived", requests=PROTOCOL, tokens=_TOKENS * PROTOCOL)
def test_survives_protocol(ai_client: Session) -> Verdict:
    return survived(known(ai_client), _of_protocol(ai_client), ai_client.show)


@check("requests that break the protocol are refused with a clear 4xx", level="warn", requests=0)
def test_refused_protocol(ai_client: Session) -> Verdict:
    return refused(known(ai_client), _of_protocol(ai_client), ai_client.show)
