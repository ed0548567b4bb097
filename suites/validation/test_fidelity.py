"""Does the endpoint answer as the second one (`--ai-baseline=URL`) does? A change of engine, version or provider."""

from __future__ import annotations

from functools import partial

from harness.run.fidelity import BOTH_ANSWERS, CHANCES, COMPARED_RATES, GRADED, TOOL_RATES, judge_fidelity
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.run.stream_cuts import REQUESTS, judge_stream_cuts
from harness.suite import Session, Verdict, check, mutate

_GROUNDS = ("evaluation_asked", "baseline", "second_endpoint")
fidelity_check = partial(check, grounds=_GROUNDS, measures=(BOTH_ANSWERS,), compares=True)


def _judge(ai_measure: Measurements, run: GateRun, rate: tuple[str, str], **of: bool) -> Verdict:
    evaluation = run.settings.evaluation
    assert evaluation is not None
    sharing = [planned for planned in run.plan.checks if "validation/fidelity" in planned.measures]
    return judge_fidelity(ai_measure(BOTH_ANSWERS), evaluation, rate, max(1, len(sharing)), **of)


@fidelity_check("as good as the second endpoint", cases=tuple(COMPARED_RATES))
def test_rate(ai_measure: Measurements, ai_run: GateRun, case: str) -> Verdict:
    return _judge(ai_measure, ai_run, COMPARED_RATES[case])


@fidelity_check("as often right as the second endpoint", grounds=(*_GROUNDS, "graded_items"))
def test_right(ai_measure: Measurements, ai_run: GateRun) -> Verdict:
    return _judge(ai_measure, ai_run, GRADED, graded=True)


@fidelity_check(
    "tools are called as by the second endpoint", cases=tuple(TOOL_RATES), grounds=(*_GROUNDS, "tool_items")
)
def test_tools(ai_measure: Measurements, ai_run: GateRun, case: str) -> Verdict:
    return _judge(ai_measure, ai_run, TOOL_RATES[case], with_tools=True)


@fidelity_check("log-probabilities are those of the second endpoint", grounds=(*_GROUNDS, "logprobs_asked"))
def test_chances(ai_measure: Measurements, ai_run: GateRun) -> Verdict:
    return _judge(ai_measure, ai_run, CHANCES)


@check(
    "streamed and whole answers are the same at every limit",
    needs=("generates", "streaming"),
    grounds=_GROUNDS,
    requests=REQUESTS,
    tokens=60 * REQUESTS,
    broken_by=(mutate("other_answer", media_type="stream"),),
)
def test_streamed(ai_client: Session, ai_run: GateRun) -> Verdict:
    evaluation = ai_run.settings.evaluation
    assert evaluation is not None
    return judge_stream_cuts(ai_client, evaluation)
