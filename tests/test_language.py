"""A ratchet on the language of the code: each figure may only fall. `make figures` prints them, `ARGS=-v` the names."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.figures import SHIPPED, Figures, count_figures

ROOT = Path(__file__).parents[1]
LIMITS = {
    "participles": 0,
    "dialect names": 0,
    "doubled names": 0,
    "conditional expressions": 23.5,
    "comprehensions": 33.0,
}
"""The most that is allowed; lower a limit when the figure has fallen. Expressions are counted for 1,000 lines."""
CHECKOUT = ("tests", "detection", "benchmarks", "docs", "examples")
"""The folders of Python that are not in the wheel."""


@pytest.fixture(scope="module")
def figures() -> Figures:
    return count_figures([ROOT / folder for folder in SHIPPED])


def measure(figures: Figures, name: str) -> tuple[float, list[str]]:
    """The figure, and what to look at where it is a list of names."""
    if name == "participles":
        return len(figures.participles), figures.participles
    if name == "dialect names":
        return len(figures.dialect_names), figures.dialect_names
    if name == "doubled names":
        return len(figures.duplicates), [f"{name}: {', '.join(files)}" for name, files in figures.duplicates.items()]
    if name == "conditional expressions":
        return figures.per_thousand(figures.conditional_expressions), []
    return figures.per_thousand(figures.comprehensions), []


@pytest.mark.parametrize("name", LIMITS)
def test_the_figure_has_not_risen(figures: Figures, name: str) -> None:
    value, names = measure(figures, name)
    assert value <= LIMITS[name], f"{name}: {value:.1f}, at most {LIMITS[name]} allowed\n" + "\n".join(names)


@pytest.mark.parametrize("name", LIMITS)
def test_the_limit_is_lowered_with_the_figure(figures: Figures, name: str) -> None:
    value, _ = measure(figures, name)
    slack = 3 if isinstance(LIMITS[name], float) else 25
    assert LIMITS[name] - value <= slack, f"{name} fell to {value:.1f}: lower its limit from {LIMITS[name]}"


def test_names_outside_the_wheel_say_what_they_hold() -> None:
    figures = count_figures([ROOT / folder for folder in CHECKOUT])
    assert figures.files > 1000
    assert figures.participles + figures.dialect_names == []


def test_the_counter_sees_what_it_counts(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(
        "def told(x):\n    found = [each for each in x if each]\n    return found if found else None\n"
        "def describe(): ...\nLIMIT = 1\n"
    )
    (tmp_path / "two.py").write_text('"""Two.\n\nLines.\n"""\nLIMIT = 2\n# a comment\n\n_private = describe = 3\n')
    figures = count_figures([tmp_path])
    assert [name.rpartition(" ")[2] for name in figures.participles] == ["told"]
    assert [name.rpartition(" ")[2] for name in figures.dialect_names] == ["found", "each"]
    assert list(figures.duplicates) == ["LIMIT", "describe"]
    assert (figures.conditional_expressions, figures.comprehensions) == (1, 1)
    assert (figures.files, figures.lines, figures.code) == (2, 11, 8)
