"""Each seeded defect is caught by the check that it names; the healthy deployment passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.reference import defect
from harness.reference.process import ReferenceProcess
from harness.reference.settings import Settings
from tests.conftest import KEY, GateOutcome, run_gate

CONFIG = """
[endpoint]
protocol = "{protocol}"
model = "{model}"
{version}
[endpoint.deadlines]
inter_token = 1.0
first_byte = 5.0
[promises]
deterministic = true
"""
SPOKEN = {
    "openai_chat": ("tiny-chat", ""),
    "v2": ("digits", 'version = "1"'),
    "plain_json": ("digits", 'version = "1"'),
}
STREAMS_ONLY = {"missing_terminator", "stuck_stream"}


def _run(folder: Path, url: str, protocol: str) -> GateOutcome:
    model, version = SPOKEN[protocol]
    config = CONFIG.format(protocol=protocol, model=model, version=version)
    (folder / "aiharness.toml").write_text(config)
    return run_gate(folder, f"--ai-endpoint={url}", "--ai-only-packaged", env={"AIHARNESS_API_KEY": KEY})


@pytest.mark.parametrize(
    ("name", "protocol"),
    [(n, p) for n in defect.names() for p in SPOKEN if p == "openai_chat" or n not in STREAMS_ONLY],
)
def test_defect_is_caught_by_its_check(tmp_path: Path, name: str, protocol: str) -> None:
    expected = defect.load(name).caught_by
    with ReferenceProcess(Settings(api_key=KEY, defects=(name,))) as server:
        outcome = _run(tmp_path, server.url, protocol)
    assert outcome.status == 1, outcome.out
    assert outcome.gate is not None
    rows = [c for c in outcome.gate["checks"] if c["id"].startswith(expected) and c["verdict"] == "FAIL"]
    assert rows, outcome.out
    example = rows[0]["counterexamples"][0]
    assert example["pytest"]
    assert example["seed"] is not None
    assert example["curl"].startswith("curl ")
    assert KEY not in str(outcome.gate)


@pytest.mark.parametrize("protocol", SPOKEN)
def test_healthy_deployment_passes(tmp_path: Path, protocol: str) -> None:
    with ReferenceProcess(Settings(api_key=KEY)) as server:
        outcome = _run(tmp_path, server.url, protocol)
    assert outcome.status == 0, outcome.out
    verdicts = outcome.verdicts()
    assert set(verdicts.values()) <= {"PASS", "SKIPPED"}, verdicts
    assert verdicts["test_credentials.py::test_enforced[wrong]"] == "PASS"
