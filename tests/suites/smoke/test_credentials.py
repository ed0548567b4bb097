"""The counterexample of a service that enforces no credential shows the request as it was sent."""

from __future__ import annotations

from pathlib import Path

from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.conftest import run_gate

KEY = "the-right-key-0123456789"


def test_the_curl_line_carries_no_right_credential(tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_text('[endpoint]\ncredentials = { env = "MODEL_KEY" }\n')
    with ReferenceProcess(ServiceSettings(api_key=KEY, defects=("credentials_ignored",))) as server:
        options = (f"--ai-endpoint={server.url}", "--ai-protocol=plain_json", "-k", "enforced")
        outcome = run_gate(tmp_path, *options, env={"MODEL_KEY": KEY})
    for case, shown in (("missing", ""), ("wrong", "aiharness-wrong-credential")):
        row = outcome.check(f"test_enforced[{case}]")
        assert row["verdict"] == "FAIL", row["reason"]
        curl = row["counterexamples"][0]["curl"]
        assert "MODEL_KEY" not in curl
        assert "AIHARNESS_API_KEY" not in curl
        assert KEY not in curl
        assert shown in curl
