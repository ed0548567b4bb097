"""A file that is not TOML is answered with the line, the place in it, and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.errors import ConfigError
from tests.config.test_resolve import read


@pytest.mark.parametrize(
    ("text", "line", "advice"),
    [
        ("[endpoint]\nurl = http://127.0.0.1:8000", 2, "needs quotes: url = "),
        ('[endpoint]\nurl: "http://127.0.0.1:8000"', 2, "write = between a key and its value"),
        ("endpoint:\n  url: x", 1, "looks like YAML"),
        ('{"endpoint": {"url": "x"}}', 1, "looks like another format"),
        ("[endpoint]\nhttp2 = True", 2, "in small letters: true"),
        ("[endpoint]\nmodel = None", 2, "leave the key out"),
        ("[endpoint]\nmodel = null", 2, "leave the key out"),
        ("[endpoint]\nmodel =", 2, "model has no value"),
        ('[endpoint]\nmodel = "a\n', 2, "no closing quote"),
        ('[endpoint]\nsample_file = "C:\\Users\\me"', 2, "single quotes"),
        ("[endpoint\nhttp2 = true", 1, "on a line of its own, as [endpoint]"),
        ("[load]\nrate = 20/s", 2, "without a unit"),
        ("[load]\nduration = 5m", 2, "without a unit"),
        ("[[objective]]\nlimit = <= 800ms", 2, "needs quotes: limit = "),
        ("[run]\nsuites = [smoke]", 2, ""),
        ("[run]\nseed = 1\nprofile = 'pr'\nseed = 2\n[load]\n", 4, "seed stands twice"),
        ("[run]\nseed = 1\nseed = 2\n", 3, "seed stands twice"),
        ("[run]\nseed = 1\n[load]\nrate = 1\n[run]\nprofile = 'pr'\n", 5, "[run] stands twice"),
        ("[objective]\nsuite = 'smoke'\n[objective]\nsuite = 'load'\n", 3, "write [[objective]]"),
        ("just words", 1, "KEY = VALUE"),
    ],
)
def test_the_line_and_what_to_write(tmp_path: Path, text: str, line: int, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert f"aiharness.toml:{line}: " in str(caught.value)
    assert advice in str(caught.value)


def test_a_secret_without_quotes_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "[endpoint.credentials]\nenv = sk-0123456789abcdef\n")
    assert "0123456789" not in str(caught.value)
