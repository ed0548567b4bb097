"""The exit status of the process is the one in gate.json, whatever another hook makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import run_gate

HOOKS = {
    "nothing is fine": "def pytest_sessionfinish(session, exitstatus):\n    session.exitstatus = 0\n",
    "last": "import pytest\n@pytest.hookimpl(trylast=True)\ndef pytest_sessionfinish():\n    pytest.exit('', 0)\n",
    "at the start": "import pytest\ndef pytest_sessionstart(session):\n    pytest.exit('no', returncode=0)\n",
}


@pytest.mark.parametrize("hook", HOOKS)
def test_the_exit_status_is_that_of_the_gate(tmp_path: Path, reference: str, hook: str) -> None:
    (tmp_path / "conftest.py").write_text(HOOKS[hook])
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "-k", "no_such_check", timeout=200)
    assert outcome.gate is not None
    assert outcome.status == outcome.gate["run"]["exit_status"] != 0, outcome.out + outcome.err
