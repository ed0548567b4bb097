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
        (
            '[data]\nfile = "d.csv"\nbaseline_margin = 0.5',
            r"toml:3: data.baseline_margin: must be a difference of shares",
        ),
        ('[data]\nfile = "d.csv"\nchanged_limit = 1.0', r"toml:3: data.changed_limit: must be a share from 0"),
        ('[data]\nfile = "d.csv"\nleak_limit = -0.1', r"toml:3: data.leak_limit: must be a share from 0"),
        ("[chaos]\nrate = 1e9", r"toml:2: chaos.rate: rate times the phases"),
        ("[chaos]\nrecovery = 1e12", r"chaos.recovery: must be at most 100,000,000 seconds"),
    ],
)
def test_a_typing_error_is_refused(tmp_path: Path, section: str, message: str) -> None:
    (tmp_path / "aiharness.toml").write_text(section)
    options = Options(suites=("validation", "chaos"), endpoint="http://127.0.0.1:1")
    with pytest.raises(ConfigError, match=message):
        resolve_settings(options, {}, [tmp_path])


@pytest.mark.parametrize(
    ("name", "training", "message"),
    [
        ("t.csv", "a,b,label\n1,2,x\n3,4,y\n", "is the file of the holdout itself"),
        (
            "t.jsonl",
            '{"input": [1, 2, 3], "label": "x"}\n',
            "data.training: has rows of 3 numbers, and .* of 2 numbers",
        ),
        ("t.csv", "a,label\n1,x\n", "t.csv"),
        ("t.csv", None, "t.csv"),
    ],
)
def test_training_data_are_another_file_of_rows_of_the_same_form(
    tmp_path: Path, name: str, training: str | None, message: str
) -> None:
    (tmp_path / "d.csv").write_text("a,b,label\n1,2,x\n3,4,y\n")
    if training is not None:
        (tmp_path / name).write_text(training)
    (tmp_path / "aiharness.toml").write_text(f'[data]\nfile = "d.csv"\ntraining = "{name}"\n')
    with pytest.raises(ConfigError, match=message):
        resolve_settings(Options(suites=("validation",), endpoint="http://127.0.0.1:1"), {}, [tmp_path])


def test_training_data_are_read_for_the_validation_suite_alone(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("a,region,label\n1,north,x\n3,south,y\n")
    (tmp_path / "t.csv").write_text("a,label\n5,x\n")
    (tmp_path / "aiharness.toml").write_text('[data]\nfile = "d.csv"\ntraining = "t.csv"\nslices = ["region"]\n')
    for suite, rows in (("validation", 1), ("integration", None)):
        data = resolve_settings(Options(suites=(suite,), endpoint="http://127.0.0.1:1"), {}, [tmp_path]).data
        assert data is not None
        assert (len(data.training.inputs) if data.training else None) == rows
