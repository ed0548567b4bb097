"""The checks of the service's own door, through a gate on the reference service: it holds, and weaknesses are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks._detection import KEY, KEYS, OTHER_KEY, SHORT_DEADLINES, build_configuration
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.conftest import GateOutcome, run_gate

CHECKS = "fetched or pickles or unreadable or security or open_routes or stored"
PROMISES = {"idempotency": "Idempotency-Key", "open_pages": ["/metrics", "/openapi.json"]}


def run(folder: Path, protocol: str, chosen: str, defects: tuple[str, ...] = ()) -> GateOutcome:
    text = build_configuration(protocol, PROMISES, SHORT_DEADLINES)
    (folder / "aiharness.toml").write_text(f'{text}[endpoint.other_credentials]\nenv = "OTHER_API_KEY"\n')
    env = {"AIHARNESS_API_KEY": KEY, "OTHER_API_KEY": OTHER_KEY}
    with ReferenceProcess(ServiceSettings(api_key=KEYS, defects=defects)) as server:
        options = (f"--ai-endpoint={server.url}", "--ai-allow-partial", "-k", chosen)
        return run_gate(folder, *options, env=env, suite="adversarial")


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["openai_chat", "plain_json"])
def test_the_healthy_service_holds(tmp_path: Path, protocol: str) -> None:
    outcome = run(tmp_path, protocol, CHECKS)
    assert outcome.status == 0, outcome.out
    assert outcome.gate is not None
    rows = [row for row in outcome.gate["checks"] if any(name in row["id"] for name in CHECKS.split(" or "))]
    assert len(rows) >= 12
    assert {row["verdict"] for row in rows} <= {"PASS", "SKIPPED"}, outcome.out


def test_a_fetch_names_the_place_of_the_address(tmp_path: Path) -> None:
    outcome = run(tmp_path, "openai_chat", "fetched", defects=("picture_fetched",))
    row = outcome.check("test_fetched_urls")
    assert row["verdict"] == "FAIL"
    assert "image_url is fetched" in row["reason"]
    assert "image_url" in row["counterexamples"][0]["curl"]
    assert KEY not in str(outcome.gate)
