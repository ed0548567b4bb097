"""The verdicts on canaries: for a hit, a miss, an error and silence."""

from __future__ import annotations

import pytest

from harness.checks.isolation.canary import CanaryProbe, judge_canaries
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Request, Response, Timing
from harness.core.verdict import Counterexample, Status

CANARY, NEVER = "ABCDEFGHJKMNPQRS", "S2R3Q4P5N6M7K8J9"


def exchange(
    text: str | None = "fine",
    *,
    body: bytes = b"{}",
    line: str = "",
    error: ErrorClass | None = None,
    status: int = 200,
) -> Exchange:
    response = Response(status, (("x-request", line),), body) if status else None
    answer = None if text is None else Answer(text)
    request = Request("POST", "/v1/chat/completions", body=(text or "").encode())
    return Exchange(request, Timing(0.0, done=0.1), response, answer, error=error, detail="because")


def show(summary: str, exchange: Exchange) -> Counterexample:
    return Counterexample(summary)


def judge_text(seen: Exchange, *, control: Exchange | None = None, refused: bool = False) -> Status:
    probes = [CanaryProbe("b", seen, (CANARY,), refused), CanaryProbe("c", exchange("also fine"), (CANARY,))]
    controls = [CanaryProbe("control", control or exchange(), (NEVER,))]
    return judge_canaries(probes, controls, "kept", show).status


def test_a_clean_answer_passes_and_a_foreign_canary_fails_wherever_it_stands() -> None:
    assert judge_text(exchange()) is Status.PASS
    assert judge_text(exchange(f"it is {CANARY}")) is Status.FAIL
    assert judge_text(exchange(body=f'{{"trace": "{CANARY}"}}'.encode())) is Status.FAIL
    assert judge_text(exchange(line=f"prompt={CANARY.lower()}")) is Status.FAIL
    refusal = exchange(None, body=CANARY.encode(), status=400, error=ErrorClass.STATUS)
    assert judge_text(refusal, refused=True) is Status.FAIL
    assert judge_text(exchange(None, body=CANARY.encode(), status=500, error=ErrorClass.STATUS)) is Status.FAIL


@pytest.mark.parametrize(
    "seen",
    [
        exchange(""),
        exchange(" \n"),
        exchange(None, status=500, error=ErrorClass.STATUS),
        exchange(None, status=0, error=ErrorClass.TOTAL_TIMEOUT),
        exchange(None, status=200, error=ErrorClass.INVALID),
    ],
    ids=["empty", "blank", "error", "timeout", "invalid"],
)
def test_a_missing_answer_never_passes(seen: Exchange) -> None:
    assert judge_text(seen) is Status.INCONCLUSIVE


def test_a_refusal_of_a_wrong_request_is_judged() -> None:
    assert judge_text(exchange(None, status=400, error=ErrorClass.STATUS), refused=True) is Status.PASS
    silence = exchange(None, status=0, error=ErrorClass.TOTAL_TIMEOUT)
    assert judge_text(silence, refused=True) is Status.INCONCLUSIVE


def test_a_hit_in_the_control_arm_condemns_the_detector() -> None:
    assert judge_text(exchange(CANARY), control=exchange(f"well, {NEVER}")) is Status.ERROR


def test_a_service_never_reached_is_an_error() -> None:
    assert judge_text(exchange(None, status=0, error=ErrorClass.CONNECT)) is Status.ERROR
