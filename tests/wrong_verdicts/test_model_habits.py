"""A healthy service is not failed for what its model likes to say, or to think first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks._detection import HEALTHY_PROMISES, KEY, build_configuration
from detection.catalogue import load_switch
from detection.switch import CHAT, Variant
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.catalogues import sample_cases
from tests.conftest import GateOutcome, run_gate
from tests.detection.looks import MODELS
from tests.suites.integration.chatservice import chat

OTHER_HABITS = sorted(name for name in MODELS if not name.startswith("thinks"))
ROOM = "[endpoint.options]\nmax_tokens = 400\n"


def run_model(folder: Path, name: str, options: str = "", promises: dict[str, Any] | None = None) -> GateOutcome:
    """Smoke and integration over a variant, with the promises that it keeps unless others are given."""
    variant = load_switch(Variant, name)
    if promises is None:
        promises = {key: value for key, value in HEALTHY_PROMISES[CHAT].items() if key not in variant.withdraws}
        promises |= variant.promises
    (folder / "aiharness.toml").write_text(build_configuration(CHAT, promises) + options)
    with ReferenceProcess(ServiceSettings(api_key=KEY, token_ms=0, variants=(name,))) as server:
        env = {"AIHARNESS_API_KEY": KEY}
        return run_gate(folder, f"--ai-endpoint={server.url}", env=env, suite="smoke,integration", timeout=300)


def list_failures(outcome: GateOutcome, *levels: str) -> list[str]:
    assert outcome.gate is not None, outcome.out
    rows = [row for row in outcome.gate["checks"] if row["verdict"] in ("FAIL", "ERROR") and row["level"] in levels]
    return [f"{row['id']}: {row['reason']}" for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("name", sample_cases(["thinks_beside_text", "thinks_inside_text"], "thinks_beside_text"))
def test_a_model_that_thinks_too_long_is_not_judged(tmp_path: Path, name: str) -> None:
    outcome = run_model(tmp_path, name)
    assert list_failures(outcome, "blocker", "warn") == []
    assert outcome.status == 20, outcome.out
    for check in ("test_valid", "test_complete", "test_predicts", "test_same_text"):
        row = outcome.check(f"::{check}")
        assert row["verdict"] == "INCONCLUSIVE"
        assert "16 of 16 tokens were thinking" in row["reason"]
        assert "[endpoint] options" in row["reason"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    sample_cases(
        [("thinks_beside_text", ROOM), ("thinks_inside_text", ROOM), ("thinks_briefly", "")],
    ),
)
def test_a_model_with_room_to_think_passes(tmp_path: Path, name: str, options: str) -> None:
    outcome = run_model(tmp_path, name, options)
    assert outcome.status == 0, outcome.out


def _move_text(chunk: dict[str, Any], *, wanted: str) -> None:
    for choice in chunk["choices"]:
        part = choice.get(wanted) or {}
        if part.get("content"):
            part["reasoning_content"], part["content"] = part["content"], None


@pytest.mark.parametrize("wanted", ["delta", "message"])
def test_text_in_the_place_of_thinking_fails_the_gate(tmp_path: Path, wanted: str) -> None:
    answer: Callable[[dict[str, Any]], None] = lambda body: _move_text(body, wanted=wanted)  # noqa: E731
    (tmp_path / "aiharness.toml").write_text(build_configuration(CHAT, {}))
    with chat(answer=answer) as url:
        outcome = run_gate(tmp_path, f"--ai-endpoint={url}")
    assert outcome.status == 1, outcome.out
    row = outcome.check("::test_complete")
    assert row["verdict"] == "FAIL"
    assert "has as thinking what the" in row["reason"]


@pytest.mark.slow
@pytest.mark.parametrize("name", sample_cases(OTHER_HABITS, "forgets_words"))
def test_no_habit_of_a_model_fails_a_healthy_service(tmp_path: Path, name: str) -> None:
    outcome = run_model(tmp_path, name)
    assert list_failures(outcome, "blocker", "warn") == []
    assert outcome.status in (0, 20), outcome.out
