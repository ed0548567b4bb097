"""Figures of the code itself, beside a peer's: `python -m benchmarks.figures [NAME=FOLDER …]`, `make figures`.

Sizes, density and names are counted from the syntax tree, so that the same rules count any Python package. Each
NAME=FOLDER adds a column for another package; for a folder of Go files only the sizes can be counted.
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHIPPED = ("harness", "suites", "scenarios", "reports")
"""The folders of the wheel."""

PARTICIPLE = re.compile(
    r"_?(?!(?:feed|need|seed|speed|embed)$)"
    r"(told|said|made|kept|held|sent|seen|spent|taken|given|written|spoken|spelt|hung|lost|found|cut|put|left|meant"
    r"|[a-z]+ed)"
)
"""A function with such a name does not say what it does; the verbs and nouns that end in -ed are allowed."""

DIALECT = frozenset(
    ("found", "each", "told", "said", "made", "kept", "held", "apart", "landed", "blamed", "spelt", "raced")
)
"""A variable with such a name does not say what it holds."""

PLUG_POINTS = frozenset(
    (
        "ADAPTER",
        "ATTACK",
        "COMMAND",
        "DEFECT",
        "FAMILY",
        "FAULT",
        "PROBE",
        "RELATION",
        "GRADER",
        "PEER",
        "POLICY",
        "SUFFIX",
        "VARIANT",
        "WORKLOAD",
        "main",
        "render",
    )
)
"""Names that every file of a kind offers by agreement; they have one meaning."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass
class Figures:
    """The figures of one package; `lines` are not blank, `code` is without docstrings and comments."""

    files: int = 0
    lines: int = 0
    code: int = 0
    longest_file: int = 0
    functions: list[int] = field(default_factory=list)
    conditional_expressions: int = 0
    comprehensions: int = 0
    boolean_operators: int = 0
    participles: list[str] = field(default_factory=list)
    dialect_names: list[str] = field(default_factory=list)
    definitions: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @property
    def duplicates(self) -> dict[str, set[str]]:
        """Public names that more than one file defines, with the files."""
        return {name: files for name, files in sorted(self.definitions.items()) if len(files) > 1}

    def per_thousand(self, count: int) -> float:
        """A count for each 1,000 lines that are not blank."""
        return 1000 * count / max(1, self.lines)


def list_python_files(folders: Sequence[Path]) -> list[Path]:
    """Every Python file below the folders that a person wrote: generated and vendored ones are left out."""
    paths = (path for folder in folders for path in sorted(folder.rglob("*.py")))
    return [path for path in paths if not path.name.endswith("_pb2.py") and "_vendor" not in path.parts]


def count_figures(folders: Sequence[Path]) -> Figures:
    """Count the Python files of these folders."""
    figures = Figures()
    for path in list_python_files(folders):
        text = path.read_text("utf-8")
        _count_file(figures, str(path), text, ast.parse(text))
    return figures


def _count_file(figures: Figures, path: str, text: str, tree: ast.Module) -> None:
    total = len(text.splitlines())
    lines = sum(1 for line in text.splitlines() if line.strip())
    comments = sum(1 for line in text.splitlines() if line.strip().startswith("#"))
    figures.files += 1
    figures.lines += lines
    figures.code += lines - comments - sum(_docstring_lines(tree))
    figures.longest_file = max(figures.longest_file, total)
    for node in ast.walk(tree):
        figures.conditional_expressions += isinstance(node, ast.IfExp)
        figures.comprehensions += isinstance(node, COMPREHENSIONS)
        figures.boolean_operators += isinstance(node, ast.BoolOp)
        if isinstance(node, FUNCTIONS):
            figures.functions.append((node.end_lineno or node.lineno) - node.lineno + 1)
            if PARTICIPLE.fullmatch(node.name):
                figures.participles.append(f"{path}:{node.lineno} {node.name}")
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in DIALECT:
            figures.dialect_names.append(f"{path}:{node.lineno} {node.id}")
    for name in _public_names(tree):
        figures.definitions[name].add(path)


def _docstring_lines(tree: ast.Module) -> Iterator[int]:
    """Lines that are not blank of every text that stands alone as a statement: docstrings of names and of constants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            text = ast.unparse(node.value) if node.lineno == node.end_lineno else node.value.value
            yield sum(1 for line in text.splitlines() if line.strip())


def _public_names(tree: ast.Module) -> Iterator[str]:
    """Functions, classes and constants of a module that others may import; tests are found by pytest, not by name."""
    for node in tree.body:
        names: list[str] = []
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            targets = [name for target in node.targets for name in ast.walk(target)]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        yield from (name for name in names if not name.startswith(("_", "test_")) and name not in PLUG_POINTS)


def count_go(folder: Path) -> Figures:
    """Sizes of the Go files below a folder, tests left out: what can be counted without a parser."""
    figures = Figures()
    for path in sorted(folder.rglob("*.go")):
        if path.name.endswith("_test.go"):
            continue
        rows = path.read_text("utf-8").splitlines()
        figures.files += 1
        figures.lines += sum(1 for row in rows if row.strip())
        figures.code += sum(1 for row in rows if row.strip() and not row.strip().startswith("//"))
        figures.longest_file = max(figures.longest_file, len(rows))
        start = 0
        for number, row in enumerate(rows):
            if row.startswith("func "):
                start = number
            elif row == "}" and start:
                figures.functions.append(number - start + 1)
                start = 0
    return figures


def format_table(columns: dict[str, Figures]) -> list[str]:
    """The figures as a Markdown table, a column for each package."""
    rows: list[tuple[str, list[str]]] = [
        ("files", [f"{column.files:,}" for column in columns.values()]),
        ("code lines", [f"{column.code:,}" for column in columns.values()]),
        ("longest file", [str(column.longest_file) for column in columns.values()]),
        ("function lines, median / longest", [_spread(column.functions) for column in columns.values()]),
    ]
    for title, name in (
        ("conditional expressions / 1,000 lines", "conditional_expressions"),
        ("comprehensions / 1,000 lines", "comprehensions"),
        ("and/or / 1,000 lines", "boolean_operators"),
    ):
        rows.append((title, [_rate(column, getattr(column, name)) for column in columns.values()]))
    for title, name in (
        ("functions named by a participle", "participles"),
        ("variables named `found`, `each`, …", "dialect_names"),
        ("public names in two files", "duplicates"),
    ):
        rows.append((title, [_amount(column, len(getattr(column, name))) for column in columns.values()]))
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    return lines + [f"| {title} | {' | '.join(cells)} |" for title, cells in rows]


def _spread(lengths: list[int]) -> str:
    return f"{statistics.median(lengths):g} / {max(lengths)}" if lengths else "-"


def _rate(figures: Figures, count: int) -> str:
    return f"{figures.per_thousand(count):.1f}" if figures.definitions else "-"


def _amount(figures: Figures, count: int) -> str:
    return str(count) if figures.definitions else "-"


def main(arguments: Sequence[str]) -> int:
    """Print the table; with `-v` the names behind the last three rows too."""
    columns = {"aiharness": count_figures([ROOT / folder for folder in SHIPPED])}
    for argument in arguments:
        name, separator, folder = argument.partition("=")
        if not separator:
            continue
        path = Path(folder)
        columns[name] = count_go(path) if any(path.rglob("*.go")) else count_figures([path])
    print("\n".join(format_table(columns)))
    if "-v" in arguments:
        ours = columns["aiharness"]
        duplicates = [f"{name}: {', '.join(sorted(files))}" for name, files in ours.duplicates.items()]
        for title, rows in (
            ("participles", ours.participles),
            ("dialect", ours.dialect_names),
            ("duplicates", duplicates),
        ):
            print(f"\n{title}\n" + "\n".join(rows).replace(f"{ROOT}/", ""))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
