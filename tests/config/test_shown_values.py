"""Every value with its source: command line over environment over file over default; no secret among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.options import Options
from harness.config.shown_values import describe_values
from harness.core.errors import ConfigError

FILE = """
[run]
profile = "pr"
seed = 7
[endpoint]
model = "file-model"
headers = { X-Key = "sekret-value-123", X-Team = "a" }
public_headers = ["X-Team"]
[profile.pr]
cap = 400
[[objective]]
suite = "load"
metric = "latency p95"
limit = "<= 900ms"
[load]
rate = 20
duration = 30
"""


@pytest.fixture
def shown(tmp_path: Path) -> list[str]:
    (tmp_path / "aiharness.toml").write_text(FILE)
    options = Options(suites=("load",), seed=9, model="m", wait_ready=5.0, reports=("ctrf",))
    environ = {"AIHARNESS_ENDPOINT": "http://127.0.0.1:9", "AIHARNESS_API_KEY": "another-secret-456", "HOME": "x"}
    lines = describe_values(options, environ, [tmp_path])
    return [line.replace(f"{tmp_path}/", "") for line in lines]


@pytest.mark.parametrize(
    "line",
    [
        "endpoint.url = 'http://127.0.0.1:9'  # AIHARNESS_ENDPOINT",
        "endpoint.credentials = '***'  # AIHARNESS_API_KEY",
        "endpoint.model = 'm'  # --ai-model, over aiharness.toml:6",
        "endpoint.headers.X-Key = '***'  # aiharness.toml:7",
        "endpoint.headers.X-Team = 'a'  # aiharness.toml:7",
        "endpoint.http2 = False  # default",
        "run.suites = ('load',)  # --ai-suite",
        "run.profile = 'pr'  # aiharness.toml:3",
        "run.seed = 9  # --ai-seed, over aiharness.toml:4",
        "profile.pr.cap = 400  # aiharness.toml:10",
        "profile.pr.quantile = 0.95  # the shipped profile",
        "objective[0].limit = '<= 900ms'  # aiharness.toml:14",
        "objective[0].level = 'blocker'  # default",
        "load.rate = 20.0  # aiharness.toml:16",
        "--ai-wait-ready = 5.0  # command line",
        "--ai-report = ('ctrf',)  # command line",
        "AIHARNESS_API_KEY = '***'  # environment",
    ],
)
def test_each_value_has_its_source(line: str, shown: list[str]) -> None:
    assert shown.count(line) == 1, "\n".join(shown)


def test_no_secret_is_shown(shown: list[str]) -> None:
    text = "\n".join(shown)
    assert "sekret-value-123" not in text
    assert "another-secret-456" not in text


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('check = "a"\nreason = "b"\nowner = "c"\nexpires = "soon"', "must be a day"),
        ('check = "a"\nreason = " "\nowner = "c"\nexpires = "2030-01-01"', "is empty"),
        ('check = "a"\nreason = "b"\nexpires = "2030-01-01"', "owner"),
        ('check = "a"\nreason = "b"\nowner = "c"', "expires"),
    ],
)
def test_a_waiver_needs_reason_owner_and_end(lines: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_text(f"[[waiver]]\n{lines}\n")
    with pytest.raises(ConfigError, match=problem):
        describe_values(Options(endpoint="http://127.0.0.1:9", suites=("smoke",)), {}, [tmp_path])
