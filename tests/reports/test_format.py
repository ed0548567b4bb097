from __future__ import annotations

from types import ModuleType

import pytest

from harness.core.registry import load_plugin


@pytest.fixture(scope="module")
def form() -> ModuleType:
    import importlib

    return importlib.import_module("harness.reports._format")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"), (0.0, "0"), (0.0342, "0.0342"), (1234.5, "1,234"), (999.6, "1,000"), (12345678.0, "1.23e+07"),
        (0.00001, "1e-05"), (2.0, "2"), (-3.14159, "-3.14"), (float("nan"), "nan"),
    ],
)  # fmt: skip
def test_numbers(form: ModuleType, value: float | None, shown: str) -> None:
    assert form.format_number(value) == shown


@pytest.mark.parametrize(
    ("value", "unit", "metric", "shown"),
    [
        (0.82, "s", "latency", "820 ms"), (1.25, "s", "latency", "1.25 s"), (0.00035, "s", "ttft", "350 µs"),
        (0.9999, "s", "ttft", "1 s"), (0.01, "", "error rate", "1 %"), (0.2, "", "ece", "0.2"),
        (3.0, "points", "x", "3 points"),
    ],
)  # fmt: skip
def test_quantities(form: ModuleType, value: float, unit: str, metric: str, shown: str) -> None:
    assert form.format_quantity(value, unit, metric) == shown


def test_intervals_name_their_open_side(form: ModuleType) -> None:
    assert form.format_interval((0.001, 0.02), "", "error rate") == "0.1 % to 2 %"
    assert form.format_interval((None, 0.02), "", "error rate") == "at most 2 %"
    assert form.format_interval((0.001, None), "", "error rate") == "at least 0.1 %"
    assert form.format_interval(None, "", None) == form.format_interval((None, None), "", None) == "–"


def test_times(form: ModuleType) -> None:
    assert form.compute_span("2026-01-31T12:00:00Z", "2026-01-31T12:07:23+00:00") == 443.0
    assert form.compute_span("2026-01-31T12:00:00Z", "2026-01-31T12:00:00") is None
    assert form.compute_span("", "never") is None
    assert [form.format_duration(v) for v in (4.25, 443.0, 7500.0, None)] == ["4.2 s", "7 min 23 s", "2 h 05 min", "–"]
    assert form.format_clock("2026-01-31T12:00:00.5Z") == "2026-01-31 12:00:00 UTC"
    assert form.format_clock("") == "unknown"


def test_exit_statuses_are_named(form: ModuleType) -> None:
    assert [form.format_exit_status(n) for n in (0, 20, 2, 99)] == [
        "0 (PASS)",
        "20 (INCONCLUSIVE)",
        "2 (interrupted)",
        "99",
    ]
    assert load_plugin("reports", "json").SUFFIX == ".json"
