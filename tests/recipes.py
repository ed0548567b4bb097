"""The recipes of CONTRIBUTING.md, read from the document: their files, and the commands that write further ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"
_FILE = re.compile(r"^`([^`\n]+)`:\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"`(make generate|aiharness [^`]* > [^`]+)`")
_PATH = re.compile(r"`(?:[^`\n]* > )?([a-z_]+/[^`\s]+\.\w+)`")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One recipe: its `files` by path, the `commands` of its numbered steps, and the paths that those write."""

    files: Mapping[str, str]
    commands: tuple[str, ...]
    written: frozenset[str]

    @property
    def paths(self) -> set[str]:
        """Every file that the recipe names."""
        return {*self.files, *self.written}


def read_recipes() -> dict[str, Recipe]:
    """Every recipe with files, by the title of its section: `a fault`."""
    recipes = {}
    for section in re.split(r"^### ", CONTRIBUTING.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        files = dict(_FILE.findall(text))
        if not files:
            continue
        lines = [line for line in text.splitlines() if line[:1].isdigit() and _COMMAND.search(line)]
        commands = tuple(command for line in lines for command in _COMMAND.findall(line))
        written = frozenset(path for line in lines for path in _PATH.findall(line))
        recipes[title[0].lower() + title[1:]] = Recipe(files, commands, written)
    return recipes
