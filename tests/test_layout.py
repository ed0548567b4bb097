"""A test can be found: it has the place and name of what it tests, or that file says where it is tested."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ("harness", "suites", "reports", "scenarios")
GENERATED = ("harness/protocols/_proto",)


def modules() -> list[Path]:
    """Every source file but packages, `python -m` stubs and generated ones, below the root."""
    files = sorted(path.relative_to(ROOT) for source in SOURCES for path in (ROOT / source).rglob("*.py"))
    return [
        path
        for path in files
        if path.name not in ("__init__.py", "__main__.py") and not path.as_posix().startswith(GENERATED)
    ]


def mirror(module: Path) -> Path:
    """Where the tests of a source file are expected: `harness/a/b.py` is tested in `tests/a/test_b.py`."""
    inside = module.relative_to("harness") if module.parts[0] == "harness" else module
    return Path("tests") / inside.parent / f"test_{module.stem.removeprefix('test_').lstrip('_')}.py"


def named_tests(path: Path) -> list[str]:
    """The files that a docstring names after `Tested in`."""
    docstring = ast.get_docstring(ast.parse((ROOT / path).read_text("utf-8"))) or ""
    _, _, sentence = docstring.partition("Tested in")
    return re.findall(r"tests/[\w/]+\.py", sentence)


def find_untested(module: Path) -> str:
    """What is missing for a reader who looks for the tests of a source file; empty where nothing is."""
    if (ROOT / mirror(module)).exists():
        return ""
    named = named_tests(module) or named_tests(module.parent / "__init__.py")
    if not named:
        return f"add {mirror(module)}, or end the docstring of {module} with `Tested in tests/….py.`"
    lost = [path for path in named if not (ROOT / path).exists()]
    return f"{module} or its package says that it is tested in {', '.join(lost)}" if lost else ""


def test_a_source_file_has_its_test_or_says_where_it_is_tested() -> None:
    assert len(modules()) > 500
    assert not [problem for module in modules() if (problem := find_untested(module))]


def test_a_test_named_after_a_source_file_is_below_its_room() -> None:
    """`tests/x/test_y.py` beside `harness/z/y.py` alone would be looked for in the wrong place."""
    rooms = {path.parent.relative_to(ROOT / "harness") for path in (ROOT / "harness").rglob("__init__.py")}
    themes = {"wrong_verdicts", "main_job", "fuzz", "servers", "suites", "reports", "detection"}
    folders = {
        path.parent.relative_to(ROOT / "tests")
        for path in (ROOT / "tests").rglob("test_*.py")
        if path.relative_to(ROOT / "tests").parts[0] not in themes
    }
    assert folders <= rooms, folders - rooms
