"""What the documents promise exists: options, commands, files, and the README's example of a user's own test."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from benchmarks.validation_power import format_table
from docs.excerpts import DOCS as DOCS_FOLDER
from docs.excerpts import EXCERPTS, make_excerpt, put_excerpt
from docs.generate import list_power_rows, make_pages
from harness.commands.main import main
from harness.config.file import read_file
from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.config.sections import ConfigFile
from harness.core.suite_policy import list_sections
from harness.metrics.quality_metric import list_metrics
from tests.conftest import run_gate

ROOT = Path(__file__).parents[1]
DOCS = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]
DOCS += sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("path", DOCS, ids=lambda p: p.name)
def test_options_commands_and_links_exist(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = path.read_text()
    plugin = (ROOT / "harness" / "plugin" / "__init__.py").read_text()
    for option in set(re.findall(r"--ai-[a-z-]+", text)) - {"--ai-"}:
        assert f'"{option}"' in plugin, f"{path.name} names {option}"
    with pytest.raises(SystemExit):
        main(["--help"])
    commands = capsys.readouterr().out
    for command in set(re.findall(r"`aiharness ([a-z]+)", text)):
        assert re.search(rf"\b{command}\b", commands), f"{path.name} names aiharness {command}"
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path.name} links to {target}"
    verbs = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for verb in set(re.findall(r"`make ([a-z-]+)`|^ +make ([a-z-]+)", text, re.MULTILINE)):
        assert {*verb} & verbs, f"{path.name} names make {verb}"
    assert "@MEASURED@" not in text


@pytest.mark.slow(seconds=300)
def test_the_readmes_own_check_joins_the_gate(tmp_path: Path, reference: str) -> None:
    readme = (ROOT / "README.md").read_text()
    example = re.search(r"(    import pytest\n.+?\n)\n(?=\S)", readme, re.DOTALL)
    assert example is not None
    (tmp_path / "test_mine.py").write_text("\n".join(line[4:] for line in example[1].splitlines()))
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "--ai-protocol=openai_chat", timeout=280)
    assert outcome.status == 0, outcome.out
    assert outcome.check("test_mine.py::test_polite")["title"] == "the greeting is polite"


HOLDOUT = "petal,sepal,species,region,age\n" + "1.5,3,virginica,north,40\n2,4,setosa,south,50\n" * 150
"""The labelled data of the documents' examples."""
PATIENTS = (
    "age,sex,bmi,bp,s1,s2,s3,s4,s5,s6,progression,group,age_band\n" + "59,1,32,101,157,93,38,4,5,87,low,f,old\n" * 9
)


def toml_blocks() -> list[tuple[str, str]]:
    """Every indented block of the documents that begins with a table of TOML."""
    texts = []
    for path in DOCS:
        blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", path.read_text(), re.MULTILINE)
        for number, block in enumerate(blocks):
            lines = "\n".join(line[4:] for line in block.splitlines()).strip()
            start = re.search(r"^\[", lines, re.MULTILINE)
            if (start and start.start() == 0) or ("aiharness proxy" in lines and start):
                # Commands before and after the tables are no part of the file.
                table_lines = [line for line in lines[start.start() :].splitlines() if not line.startswith("pytest ")]
                texts.append((f"{path.name}-{number}", "\n".join(table_lines) + "\n"))
    return texts


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in toml_blocks()])
def test_configuration_in_the_documents_is_accepted(tmp_path: Path, text: str) -> None:
    raw = tomllib.loads(text)
    path = tmp_path / "aiharness.toml"
    path.write_text(text)
    (tmp_path / "holdout.csv").write_text(HOLDOUT)
    (tmp_path / "patients.csv").write_text(PATIENTS)
    read_file(str(path), [])
    suites = tuple({item["suite"] for item in raw.get("objective", [])}) or ("smoke",)
    environ = {"MODEL_API_KEY": "a-key-for-the-test", "OTHER_API_KEY": "another-key-for-the-test"}
    endpoint = None if "endpoint" in raw else "http://127.0.0.1:1"
    assert resolve_settings(Options(suites=suites, config=str(path), endpoint=endpoint), environ, []).suites


def config_keys(record: Any) -> set[str]:
    """The names of all keys below a section."""
    keys: set[str] = set()
    hints = get_type_hints(record)
    for field in fields(record):
        keys.add(field.name.rstrip("_"))
        for part in (hints[field.name], *get_args(hints[field.name])):
            if is_dataclass(part):
                keys |= config_keys(part)
    return keys


def test_there_are_configurations_to_try() -> None:
    assert {name.partition("-")[0] for name, _ in toml_blocks()} >= {
        "README.md",
        "configuration.md",
        "chaos.md",
        "load.md",
    }


def test_every_key_and_every_fault_is_documented() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    words = set(re.findall(r"[a-z0-9_]+", " ".join(re.findall(r"`[^`\n]+`", text))))
    sections = list_sections()
    keys = config_keys(ConfigFile).union(sections, *(config_keys(section.record) for section in sections.values()))
    assert keys - words == set()


@pytest.mark.parametrize("path", make_pages(), ids=lambda path: path.name)
def test_what_is_generated_is_up_to_date(path: Path) -> None:
    assert path.read_text("utf-8") == make_pages()[path], "run: make generate"


def test_every_metric_has_a_row_of_what_it_can_see() -> None:
    """Those of a share are simulated again, which takes no second."""
    rows = list_power_rows(Path("docs/validation.md").read_text("utf-8"))
    assert list(rows) == [metric.metric.name for metric in list_metrics()], "run: make generate"
    assert rows["accuracy"] in format_table(["accuracy"]), "run: make generate"


_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")


@pytest.mark.catalogue
@pytest.mark.parametrize("file", EXCERPTS)
def test_reports_in_documents_are_those_of_today(file: str) -> None:
    """Their words are the same; numbers that another processor computes may differ a little."""
    page = (DOCS_FOLDER / file).read_text("utf-8")
    today = put_excerpt(page, EXCERPTS[file], make_excerpt(EXCERPTS[file]))
    words, numbers = zip(
        *((_NUMBER.sub("0", text).split(), _NUMBER.findall(text)) for text in (page, today)), strict=True
    )
    assert words[0] == words[1], "run: make excerpts"
    assert [float(number) for number in numbers[0]] == pytest.approx([float(number) for number in numbers[1]], rel=0.05)
