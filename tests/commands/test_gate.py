from __future__ import annotations

from pathlib import Path

import pytest

from harness.commands.gate import name_endpoint
from harness.core.errors import UsageError
from tests.programs import run_module
from tests.services import serving

URL = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([URL, "-q"], [f"--ai-endpoint={URL}", "-q"]),
        (["-x", URL], ["-x", f"--ai-endpoint={URL}"]),
        (["--ai-endpoint", URL], ["--ai-endpoint", URL]),
        ([f"--ai-endpoint={URL}", "tests"], [f"--ai-endpoint={URL}", "tests"]),
        (["--ai-baseline", URL], ["--ai-baseline", URL]),
        (["--ai-seed=3", "grpc://host:8001"], ["--ai-seed=3", "--ai-endpoint=grpc://host:8001"]),
    ],
)
def test_a_url_that_stands_alone_is_the_endpoint(words: list[str], named: list[str]) -> None:
    assert name_endpoint(words) == named


@pytest.mark.parametrize("words", [[URL, URL], [URL, f"--ai-endpoint={URL}"], ["--ai-endpoint", URL, URL]])
def test_two_endpoints_are_refused(words: list[str]) -> None:
    with pytest.raises(UsageError, match="the endpoint is given more than once"):
        name_endpoint(words)


def test_the_gate_runs_on_the_url_alone(tmp_path: Path) -> None:
    with serving(lambda path, body: (200, {"predictions": [1]})) as url:
        options = ("--suite=smoke", "--ai-protocol=plain_json", "--ai-dry-run")
        done = run_module("harness", "gate", url, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert url in done.stdout
