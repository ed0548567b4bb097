"""What the documents promise exists: options, commands, files, and the README's example of a user's own test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.cli import _parser
from tests.conftest import run_gate

ROOT = Path(__file__).parents[1]
DOCS = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]
DOCS += sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("path", DOCS, ids=lambda p: p.name)
def test_options_commands_and_links_exist(path: Path, pytestconfig: pytest.Config) -> None:
    text = path.read_text()
    plugin = (ROOT / "harness" / "plugin.py").read_text()
    for option in set(re.findall(r"--ai-[a-z-]+", text)) - {"--ai-"}:
        assert f'"{option}"' in plugin, f"{path.name} names {option}"
    commands = _parser().format_help()
    for command in set(re.findall(r"`aiharness ([a-z]+)", text)):
        assert re.search(rf"\b{command}\b", commands), f"{path.name} names aiharness {command}"
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path.name} links to {target}"
    verbs = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for verb in set(re.findall(r"`make ([a-z-]+)`|^ +make ([a-z-]+)", text, re.MULTILINE)):
        assert {*verb} & verbs, f"{path.name} names make {verb}"
    assert "@MEASURED@" not in text


def test_the_readmes_own_check_joins_the_gate(tmp_path: Path, reference: str) -> None:
    readme = (ROOT / "README.md").read_text()
    example = re.search(r"(    import pytest\n.+?\n)\n(?=\S)", readme, re.DOTALL)
    assert example is not None
    (tmp_path / "test_mine.py").write_text("\n".join(line[4:] for line in example[1].splitlines()))
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "--ai-protocol=openai_chat")
    assert outcome.status == 0, outcome.out
    assert outcome.check("test_mine.py::test_polite")["title"] == "the greeting is polite"
