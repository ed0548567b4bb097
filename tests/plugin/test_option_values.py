"""Wrong options on the command line: the nearest name, the number that was meant, and no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.plugin.option_values import refuse_unknown
from tests.programs import run_module

OPTIONS = ("--ai-suite", "--ai-endpoint", "--ai-seed", "--ai-max-time")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--ai-suit=smoke", "unknown option --ai-suit. Did you mean --ai-suite"),
        ("--ai-sweet=smoke,load", "Did you mean --ai-suite"),
        ("--endpoint=http://user:password@host", "unknown option --endpoint. Did you mean --ai-endpoint"),
        ("--ai-maxtime=5", "Did you mean --ai-max-time"),
        ("--ai-frobnicate", "unknown option --ai-frobnicate; known: --ai-endpoint, "),
    ],
)
def test_an_unknown_option_names_the_nearest_and_never_its_value(argument: str, message: str) -> None:
    with pytest.raises(pytest.UsageError) as caught:
        refuse_unknown([argument], OPTIONS)
    assert message in str(caught.value)
    assert "password" not in str(caught.value)


def test_options_of_others_are_left_to_pytest() -> None:
    refuse_unknown(["--frobnicate", "-x", "tests"], OPTIONS)


def test_pytest_ends_with_the_message(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        ended = run_module("pytest", "-p", "no:cacheprovider", *arguments, cwd=tmp_path)
        assert ended.returncode == 4
        return ended.stderr

    assert "unknown option --ai-suit. Did you mean --ai-suite?" in run("--ai-suit=smoke")
    expected = "must be a number of seconds, got '5m': write --ai-max-time=300"
    assert expected in run("--ai-suite=smoke", "--ai-max-time=5m")
    assert "write --ai-max-requests=2000" in run("--ai-suite=smoke", "--ai-max-requests=2k")
