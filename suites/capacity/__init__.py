"""Capacity: up to which rate does the service keep its objectives, and is that the rate that is wanted?

Tested in tests/load/test_sweep.py, where a file has no test of its own.
"""

from __future__ import annotations

from harness.core.metric import ERROR_RATE, LATENCY, TTFT
from harness.core.suite_policy import Section, SuitePolicy
from harness.core.sweep import CapacitySettings

POLICY = SuitePolicy(
    order=55,
    metrics=(LATENCY, TTFT, ERROR_RATE),
    dependent=True,
    on_request=True,
    hint="a longer [capacity] duration",
    reads=("data",),
    section=Section(
        CapacitySettings,
        missing="no capacity is asked for ([capacity] target_rate)",
        requires={"locust": "aiharness[load]"},
    ),
)
