"""The counterexample of a service that enforces no credential shows the request as it was sent."""

from __future__ import annotations

from pathlib import Path

from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.conftest import run_gate

KEY = "the-Right-key-0123456789"


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


def test_a_key_that_is_nearly_right_is_as_secret_as_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_text('[endpoint]\ncredentials = { env = "MODEL_KEY" }\n')
    defects = ("key_in_any_case", "key_prefix_enough", "scheme_case_required")
    with ReferenceProcess(ServiceSettings(api_key=KEY, defects=defects)) as server:
        options = (f"--ai-endpoint={server.url}", "--ai-protocol=plain_json", "-k", "nearly or legal")
        outcome = run_gate(tmp_path, *options, env={"MODEL_KEY": KEY})
    nearly, legal = outcome.check("test_nearly_right"), outcome.check("test_legal_spellings")
    assert nearly["verdict"] == "FAIL", nearly["reason"]
    assert "a key in other capitals: the request is answered 200" in str(nearly["counterexamples"])
    assert legal["verdict"] == "FAIL", legal["reason"]
    written = "".join(file.read_text(errors="replace") for file in outcome.run_dir.rglob("*") if file.is_file())
    for text in (KEY, KEY.swapcase(), KEY[:-1], KEY[: len(KEY) // 2]):
        assert text not in written + outcome.out
