"""What an operator is told before a game day: the timeline, who is affected, and what stops it."""

from __future__ import annotations

from dataclasses import replace

from harness.chaos.briefing import describe_experiment, describe_game_day
from harness.core.endpoint import Endpoint
from harness.core.experiment import ChaosSettings, ExperimentPlan, FaultRamp, Link, TimedFault
from harness.core.settings import Settings
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


def test_that_a_failing_experiment_is_run_again_is_said() -> None:
    faults = tuple(TimedFault("b", "down", at=at, duration=1.0, name=str(at)) for at in (0.0, 2.0))
    for shrink, count in ((True, 2), (False, 2), (True, 1)):
        plan = ExperimentPlan("x", faults[:count], ChaosSettings(shrink=shrink))
        settings = Settings(Endpoint("http://h:1"), ("chaos",), links=(LINKS["b"],), experiments=(plan,))
        text = "\n".join(describe_game_day(settings))
        assert "game day: 1 experiment against" in text
        assert ("run again in smaller parts" in text) is (shrink and count > 1)
        assert "aiharness lift" in text
