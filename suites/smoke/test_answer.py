"""One valid answer, its headers, and how long warm ones take."""

from __future__ import annotations

from harness.checks.answers import expected, latency, valid_answer
from harness.checks.generation.thinking import EMPTY_TRIES
from harness.checks.http import headers
from harness.protocols.shared.template_path import extract_value
from harness.run.empty_answers import ask_again_if_empty
from harness.suite import Session, Verdict, check, make_inconclusive, mutate

WARM = 5


@check("an answer is complete, valid and finite", requests=EMPTY_TRIES, tokens=16 * EMPTY_TRIES)
def test_valid(ai_client: Session) -> Verdict:
    exchange, probabilities = ai_client.ask(), ai_client.endpoint.template.probabilities
    again = ask_again_if_empty(ai_client, exchange, ai_client.sample())
    return valid_answer.judge_answer(exchange, ai_client.show, probabilities=probabilities, again=again)


@check("the answer to the sample is the expected one", grounds=("expect",), tokens=16)
def test_expected(ai_client: Session) -> Verdict:
    expectation = ai_client.endpoint.expect
    if expectation is None or ai_client.sample_query is not None:
        return make_inconclusive("expect is about [endpoint] sample, and another input is asked", n=0)
    return expected.judge_expected(ai_client.ask(), expectation, ai_client.show, extract_value)


@check(
    "response headers are sane",
    level="warn",
    grounds=("http",),
    tokens=16,
    broken_by=(mutate("change_header", name="content-type", value="text/html"),),
)
def test_headers(ai_client: Session) -> Verdict:
    return headers.judge_headers(ai_client.ask(), ai_client.show)


@check("warm answers come within the latency ceiling", requests=WARM + 1, tokens=16 * (WARM + 1))
def test_latency(ai_client: Session) -> Verdict:
    ai_client.ask()
    return latency.judge_warm_latency(
        [ai_client.ask() for _ in range(WARM)], ai_client.promises.latency_ceiling, ai_client.show
    )
