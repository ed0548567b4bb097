"""Mistakes in the keys of `[load]` about its requests are refused at their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.core.errors import ConfigError
from harness.core.workload import Spread


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ('workload = "sampel"', "toml:2: load.workload: unknown workload 'sampel'.*Did you mean 'sample'"),
        ("input_tokens = { mean = 0 }", "toml:2: load.input_tokens.mean: must be over 0"),
        ('input_tokens = { mean = 9, distribution = "gamma" }', "input_tokens.distribution: unknown distribution 'gam"),
        ("input_tokens = { mean = 9, stdev = -1 }", "input_tokens.stdev: must be 0 or more, got -1"),
        ("input_tokens = { min = 9 }", "input_tokens.max: a uniform distribution needs min and max"),
        ("output_tokens = { min = 9, max = 3 }", "output_tokens.max: must be from min .9. to"),
        ("output_tokens = { mean = 9, max = 3 }", "output_tokens.mean: must be from min to max, got 9"),
        ('output_tokens = { mean = 9, distribution = "normal" }', "a normal distribution needs mean and stdev"),
        ("input_tokens = { median = 9 }", "unknown key 'median'"),
        ("shared_prefix = { tokens = 5, share = 2 }", "shared_prefix.share: must be at most 1, got 2"),
        ("shared_prefix = { share = 0.5 }", "tokens"),
    ],
)
def test_a_mistake_is_refused_at_its_line(tmp_path: Path, keys: str, message: str) -> None:
    (tmp_path / "aiharness.toml").write_text(f"[load]\n{keys}\n")
    with pytest.raises(ConfigError, match=message):
        resolve_settings(Options(suites=("load",), endpoint="http://127.0.0.1:1"), {}, [tmp_path])


def test_a_distribution_that_is_not_named_follows_from_what_is_given() -> None:
    assert Spread(mean=5).kind == "constant"
    assert Spread(mean=5, stdev=1).kind == "normal"
    assert Spread(min=1, max=5).kind == "uniform"
    assert Spread(min=1, max=5).middle == 3
