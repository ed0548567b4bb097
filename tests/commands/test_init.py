"""`aiharness init` writes a configuration that is right as it stands, and as every hint in it is taken up."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from harness.commands.init_file import TEMPLATE, fill_template
from harness.config.file import read_file
from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.protocols.shared.detection import DetectedProtocol
from harness.run.preflight import Preflight
from tests.conftest import run_gate
from tests.programs import run_module

HOSTILE = 'a"\n[run]\nprofile = "strict"\n# \x1b[31m\ud800\x7f'


def init(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_module("harness", "init", *arguments, cwd=folder)


def test_writes_what_the_gate_then_takes(tmp_path: Path, reference: str) -> None:
    done = init(tmp_path, reference, "--protocol=openai_chat")
    assert done.returncode == 0, done.stderr
    assert "written: aiharness.toml" in done.stdout
    _, file, _ = read_file(None, [tmp_path])
    assert (file.endpoint.url, file.endpoint.protocol) == (reference, "openai_chat")
    assert file.endpoint.model == "tiny-chat"
    assert run_gate(tmp_path).status == 0


def test_does_not_overwrite(tmp_path: Path, reference: str) -> None:
    (tmp_path / "aiharness.toml").write_text("# mine\n")
    refused = init(tmp_path, reference)
    assert refused.returncode == 4
    assert "--force" in refused.stderr
    assert (tmp_path / "aiharness.toml").read_text() == "# mine\n"
    assert init(tmp_path, reference, "--force").returncode == 0


def test_writes_nothing_for_what_it_cannot_find(tmp_path: Path) -> None:
    done = init(tmp_path, "http://127.0.0.1:9")
    assert done.returncode == 21
    assert "never reached" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("protocol", "sample", "template"),
    [
        ("openai_embeddings", '# sample = "', "# Not needed for openai_embeddings.\n# [endpoint.template]"),
        ("openai_chat", '# sample = "', "# Not needed for openai_chat.\n"),
        ("v2", "# sample = [[0.0, 0.0]]", "# Not needed for v2.\n"),
        ("plain_json", "# sample = [[0.0, 0.0]]", "# Fill in, and remove the '# ': what the service takes was"),
    ],
)
def test_commented_lines_have_the_form_that_the_protocol_takes(protocol: str, sample: str, template: str) -> None:
    preflight = Preflight(protocol, Facts(), (DetectedProtocol(protocol, 1.0, "?"),))
    text = fill_template(TEMPLATE.read_text(), Endpoint("http://h:1", protocol=protocol), preflight)
    assert sample in text
    assert template in text


@pytest.mark.parametrize("models", [(), ("m",), (HOSTILE, "b")])
def test_every_hint_is_a_key_that_is_known(tmp_path: Path, models: tuple[str, ...]) -> None:
    preflight = Preflight("v2", Facts(models=models), (DetectedProtocol("v2", 1.0, HOSTILE),))
    text = fill_template(TEMPLATE.read_text(), Endpoint("http://h:1", protocol="v2"), preflight)
    taken_up = re.sub(r"^# (?=\[|[a-z0-9_]+ = )", "", text, flags=re.MULTILINE)
    assert taken_up.count("\n[") > text.count("\n[") + 5
    for number, content in enumerate((text, taken_up)):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "aiharness.toml").write_text(content)
        _, file, _ = read_file(None, [folder])
        assert file.run.profile == "pr"
        assert file.endpoint.url == "http://h:1"
    assert file.fault[0].link in file.links
    assert {o.suite for o in file.objective} == {"smoke", "validation", "adversarial", "load", "chaos"}
