"""Tests of the user's own that pytest does not collect: find the files that hold some, so that they are named."""

from __future__ import annotations

import difflib
import fnmatch
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest

_MARKER = "ai_suite"
_SUITE = re.compile(rf"""{_MARKER}\(\s*(?:name\s*=\s*)?["']([\w-]+)["']""")
_MOST_FILES = 300
"""Files of one folder that are read; a folder with more is not a folder of tests."""


class LostTests:
    """What may hold checks of the wanted suites and is not collected; `notes` is what there is to say of it."""

    def __init__(self, config: pytest.Config, suites: Sequence[str]) -> None:
        self._config = config
        self._suites = suites
        self.notes: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_ignore_collect(self, collection_path: Path) -> Iterator[None]:
        """Name a file or folder that `--ignore` or `collect_ignore` leaves out although it holds checks."""
        ignored = yield
        if ignored and not self._is_never_searched(collection_path):
            files = [file for file in _list_files(collection_path) if self._is_test_file(file)]
            if self._find_marked_suite(files):
                where = self._shorten(collection_path)
                self.notes.append(
                    f"{where} holds checks that are not in the plan: --ignore or collect_ignore leaves it out"
                )
        return ignored

    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        """Name a class or function that pytest refuses to collect, in a file that holds checks."""
        message = str(warning_message.message)
        source = re.search(r"\(from: (.+?)\)$", message)
        if (
            source
            and issubclass(warning_message.category, pytest.PytestCollectionWarning)
            and self.find_suite(source[1])
        ):
            self.notes.append(f"{source[1]} may hold checks that are not in the plan: {message}")

    def find_suite(self, nodeid: str) -> str | None:
        """The wanted suite that checks of this collector may belong to; None where nothing hints at one.

        The marker may come from a conftest.py or from a module that the file imports.
        """
        path = self._config.rootpath / nodeid.partition("::")[0]
        files = list(_list_files(path))
        if any(_MARKER in _read(file) for file in files):
            return self._find_marked_suite(files)
        return self._find_marked_suite(self._list_helpers(path))

    def refuse_misspelt(self, item: pytest.Item) -> None:
        """Raise `pytest.UsageError` for a marker that nobody registered and that resembles `ai_suite`."""
        names = {marker.name for marker in item.iter_markers()}
        if _MARKER in names:
            return
        registered = {re.split(r"[(:]", line)[0].strip() for line in self._config.getini("markers")}
        for name in difflib.get_close_matches(_MARKER, names - registered, n=1, cutoff=0.8):
            raise pytest.UsageError(
                f"{item.nodeid}: unknown marker {name!r}. Did you mean 'ai_suite'? Without it the test is not judged; "
                "register a marker of your own under `markers` in pytest's settings"
            )

    def _find_marked_suite(self, files: Iterable[Path]) -> str | None:
        """The first wanted suite that one of the files names; the first of the run, where it names none in plain."""
        for text in map(_read, files):
            if _MARKER not in text:
                continue
            names = _SUITE.findall(text)
            wanted = [name for name in names or self._suites if name in self._suites]
            if wanted:
                return str(wanted[0])
        return None

    def _list_helpers(self, path: Path) -> Iterator[Path]:
        """The user's modules that may mark the tests of a file: conftests, its neighbours, and what is imported."""
        root = self._config.rootpath
        for folder in path.parents:
            yield from (file for file in sorted(folder.glob("*.py")) if not self._is_test_file(file))
            if folder == root:
                break
        for module in list(sys.modules.values()):
            file = Path(getattr(module, "__file__", None) or "/")
            if file.is_relative_to(root) and "site-packages" not in file.parts and not self._is_test_file(file):
                yield file

    def _is_test_file(self, file: Path) -> bool:
        return any(fnmatch.fnmatch(file.name, pattern) for pattern in self._config.getini("python_files"))

    def _is_never_searched(self, path: Path) -> bool:
        if not path.is_dir():
            return path.suffix != ".py"
        patterns = self._config.getini("norecursedirs")
        return (path / "pyvenv.cfg").exists() or any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)

    def _shorten(self, path: Path) -> str:
        return str(path.relative_to(self._config.rootpath)) if path.is_relative_to(self._config.rootpath) else str(path)


def _list_files(path: Path) -> Iterator[Path]:
    if path.name == "__init__.py":
        path = path.parent
    return islice(path.rglob("*.py"), _MOST_FILES) if path.is_dir() else iter((path,))


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""
