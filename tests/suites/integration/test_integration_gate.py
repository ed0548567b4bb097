"""`pytest --ai-suite=integration` as a user runs it: the reference passes in every protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalogues import sample_cases
from tests.conftest import run_gate

OF_HTTP = ("test_http.py", "test_disconnect.py", "test_trace.py")


@pytest.mark.slow
@pytest.mark.parametrize(
    "protocol", sample_cases(["v2", "plain_json", "openai_chat", "openai_completions"], "openai_chat")
)
def test_the_reference_passes(tmp_path: Path, reference: str, protocol: str) -> None:
    text = protocol.startswith("openai")
    model = "tiny-chat" if text else "digits"
    config = f'[endpoint]\nprotocol = "{protocol}"\nmodel = "{model}"\n[promises]\nrequest_id = "x-request-id"\n'
    (tmp_path / "aiharness.toml").write_text(config)
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", suite="integration")
    assert outcome.status == 0, outcome.out + outcome.err
    assert outcome.check("test_equals_singles")["verdict"] == ("SKIPPED" if text else "PASS")
    assert outcome.check("test_own_answers")["verdict"] == "PASS"
    assert outcome.check("test_own_answers")["n"] == 8
    assert outcome.check("test_own_streams")["verdict"] == ("PASS" if text else "SKIPPED")
    assert outcome.check("test_refused[deep_nesting]")["verdict"] == "PASS"
    assert outcome.gate is not None
    of_http = [check for check in outcome.gate["checks"] if any(name in check["id"] for name in OF_HTTP)]
    assert len(of_http) == 11
    assert [check for check in of_http if check["verdict"] != "PASS"] == []
