"""`pytest --ai-suite=integration` on the reference's embeddings, as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import run_gate


@pytest.mark.slow
def test_the_reference_passes(tmp_path: Path, reference: str) -> None:
    (tmp_path / "aiharness.toml").write_text(
        '[endpoint]\nprotocol = "openai_embeddings"\nmodel = "tiny-embed"\n'
        '[promises]\ndimension = 64\nnormalised = true\nidempotency = "Idempotency-Key"\n'
    )
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", suite="integration")
    assert outcome.status == 0, outcome.out + outcome.err
    for test in ("test_equals_singles", "test_sound", "test_same_in_any_batch", "test_dimension", "test_normalised"):
        assert outcome.check(test)["verdict"] == "PASS"
        assert outcome.check(test)["n"] == 8
    for test in ("test_base64", "test_dimensions", "test_empty_survived", "test_texts", "test_carried_out_once"):
        assert outcome.check(test)["verdict"] == "PASS"


def test_smoke_knows_the_model_by_its_own_card(tmp_path: Path, reference: str) -> None:
    config = '[endpoint]\nprotocol = "openai_embeddings"\nmodel = "tiny-embed"\n'
    (tmp_path / "aiharness.toml").write_text(config)
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}")
    assert outcome.status == 0, outcome.out + outcome.err
    assert outcome.check("test_model_name")["n"] == 2
