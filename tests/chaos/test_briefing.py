"""What an operator is told before a game day: the timeline, who is affected, and what stops it."""

from __future__ import annotations

from dataclasses import replace

from harness.chaos.briefing import describe_experiment
from harness.core.experiment import ExperimentPlan, FaultRamp, Link, TimedFault
from harness.core.stop_condition import parse_stop_condition

LINKS = {"a": Link("a", "http://127.0.0.1:1", "a", "127.0.0.1:2", "127.0.0.1:3"), "b": Link("b", "http://x:1", "bb")}


def test_everything_is_said() -> None:
    grows = TimedFault("a", "latency", {"latency": 5, "jitter": 0}, toxicity=0.1, at=4.0, duration=2.0, name="grows")
    ramp = FaultRamp(2, {"latency": 9}, toxicity=0.4)
    gone = TimedFault("b", "down", at=5.0, duration=3.0, name="gone")
    plan = ExperimentPlan("x", (replace(grows, ramp=ramp), gone), hypothesis="all is well")
    lines = describe_experiment(plan, LINKS)
    text = "\n".join(lines)
    assert "experiment 'x': all is well" in text
    assert [line.strip() for line in lines if " s: " in line] == [
        "0.0 s: apply latency on link a (latency 5, toxicity 0.1)",
        "1.0 s: change latency on link a (latency 9, toxicity 0.4)",
        "1.0 s: apply down on link b (toxicity 1)",
        "2.0 s: lift grows",
        "4.0 s: lift gone",
    ]
    assert "link a (127.0.0.1:2 to 127.0.0.1:3), 40% of them" in text
    assert "link b (proxy 'bb' at http://x:1), 100% of them" in text
    assert "no stop condition is given" in text
    stop = (parse_stop_condition("goodput < 20 % for 5s"),)
    assert "stops at: goodput < 20 % for 5s" in "\n".join(describe_experiment(replace(plan, stop=stop), LINKS))
