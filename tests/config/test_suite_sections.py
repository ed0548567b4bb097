"""Sections of single suites that would start an endless or a broken run are refused at their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.core.errors import ConfigError


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ('[data]\nfile = "d.csv"\nshape = [-8, -8]', r"toml:3: data.shape: every length must be over 0"),
        ("[chaos]\nrate = 1e9", r"toml:2: chaos.rate: rate times the phases"),
        ("[chaos]\nrecovery = 1e12", r"chaos.recovery: must be at most 100,000,000 seconds"),
    ],
)
def test_a_typing_error_is_refused(tmp_path: Path, section: str, message: str) -> None:
    (tmp_path / "aiharness.toml").write_text(section)
    options = Options(suites=("validation", "chaos"), endpoint="http://127.0.0.1:1")
    with pytest.raises(ConfigError, match=message):
        resolve_settings(options, {}, [tmp_path])
