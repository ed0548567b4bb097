"""Allure results carry the evidence when the user asks for them."""

from __future__ import annotations

import json
from pathlib import Path

from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.conftest import run_gate


def test_request_answer_and_curl_are_attached(tmp_path: Path) -> None:
    with ReferenceProcess(ServiceSettings(defects=("error_500_for_everything",))) as server:
        outcome = run_gate(tmp_path, f"--ai-endpoint={server.url}", "--ai-protocol=openai_chat", "--alluredir=allure")
    assert outcome.status == 1
    results = [json.loads(path.read_text()) for path in (tmp_path / "allure").glob("*-result.json")]
    by_name = {result["fullName"]: result for result in results}
    failed = by_name["ai-suite.smoke.test_answer#test_valid"]
    assert failed["status"] == "failed"
    attached = {a["name"]: (tmp_path / "allure" / a["source"]).read_text() for a in failed["attachments"]}
    assert json.loads(attached["request"])["method"] == "POST"
    assert json.loads(attached["answer"])["status"] == 500
    assert attached["curl"].startswith("curl ")
    assert "FAIL" in attached["verdict"]
    passed = by_name["ai-suite.smoke.test_connection#test_name"]
    assert passed["status"] == "passed"
