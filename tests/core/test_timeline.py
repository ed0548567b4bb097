"""The timeline of an experiment: every fault begins and ends, in order, and a ramp grows to its last value."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.core.experiment import ExperimentPlan, Fault, FaultRamp, TimedFault
from harness.core.timeline import compute_timeline, list_stages

ramps = st.none() | st.builds(FaultRamp, st.integers(1, 6), st.just({"latency": 900}), st.none() | st.floats(0.1, 1))
faults = st.builds(
    TimedFault,
    st.sampled_from(["a", "b"]),
    st.just("latency"),
    st.just({"latency": 100}),
    duration=st.floats(0.1, 50),
    toxicity=st.floats(0.1, 1),
    at=st.floats(0, 50),
    ramp=ramps,
)


@given(st.lists(faults, min_size=1, max_size=5))
def test_every_fault_is_applied_changed_and_lifted_in_order(planned: list[TimedFault]) -> None:
    plan = ExperimentPlan("x", tuple(planned))
    actions = compute_timeline(plan)
    assert [action.at for action in actions] == sorted(action.at for action in actions)
    for index, fault in enumerate(planned):
        own = [action for action in actions if action.index == index]
        steps = fault.ramp.steps if fault.ramp else 1
        assert [action.verb for action in own] == ["apply", *["change"] * (steps - 1), "lift"]
        assert (own[0].at, own[-1].at) == (fault.at, fault.end)
        assert own[-1].at <= min(f.at for f in planned) + plan.duration + 1e-9


def test_what_ends_makes_room_for_what_begins() -> None:
    first, second = (TimedFault("a", "down", at=at, duration=2.0, name=str(at)) for at in (0.0, 2.0))
    verbs = [
        (action.at, action.verb, action.index) for action in compute_timeline(ExperimentPlan("x", (first, second)))
    ]
    assert verbs == [(0.0, "apply", 0), (2.0, "lift", 0), (2.0, "apply", 1), (4.0, "lift", 1)]


def test_a_ramp_goes_from_the_own_values_to_the_last_ones_in_equal_steps() -> None:
    ramp = FaultRamp(4, {"latency": 1000, "jitter": 30}, toxicity=1.0)
    fault = TimedFault("a", "latency", {"latency": 100}, toxicity=0.25, ramp=ramp)
    stages = list_stages(fault)
    assert [stage.attributes for stage in stages] == [
        {"latency": 100, "jitter": 0},
        {"latency": 400, "jitter": 10},
        {"latency": 700, "jitter": 20},
        {"latency": 1000, "jitter": 30},
    ]
    assert [stage.toxicity for stage in stages] == [0.25, 0.5, 0.75, 1.0]
    assert list_stages(TimedFault("a", "down")) == [TimedFault("a", "down")]


def test_a_fault_alone_is_an_experiment() -> None:
    fault = Fault("a", "latency", {"latency": 7}, toxicity=0.5, duration=3.0, name="slow a")
    plan = ExperimentPlan.of_fault(fault)
    assert (plan.name, plan.duration, plan.links, plan.describe_faults()) == ("slow a", 3.0, ("a",), "latency")
    (timed,) = plan.faults
    assert (timed.attributes, timed.toxicity, timed.at, timed.end, timed.name) == (
        {"latency": 7},
        0.5,
        0.0,
        3.0,
        "slow a",
    )
