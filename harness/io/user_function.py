"""Functions of the user that the configuration names as `module:function`, and rows that such a function makes."""

from __future__ import annotations

import importlib
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.core.errors import UsageError

_NAME = re.compile(r"\w+(\.\w+)*:\w+")


def names_function(name: str) -> bool:
    """Whether this is `module:function`, and no path."""
    return _NAME.fullmatch(name) is not None and not Path(name).exists()


def load_function(name: str, key: str = "[evaluation] function") -> Callable[..., Any]:
    """The user's `module:function` of this key, looked for beside where the run was started too.

    Raises `UsageError`.
    """
    module_name, _, function_name = name.partition(":")
    if not function_name.isidentifier() or not module_name:
        raise UsageError(f"{key} must be module:function, got {name!r}")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        function = getattr(importlib.import_module(module_name), function_name, None)
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise UsageError(f"{key} {name!r} cannot be imported: {problem}") from error
    if not callable(function):
        raise UsageError(f"{key} {name!r}: {module_name} has no function {function_name!r}")
    return function  # type: ignore[no-any-return]


@contextmanager
def make_rows_file(name: str, key: str) -> Iterator[Path]:
    """Call the user's function, which yields rows as mappings, and give them as a JSONL file inside the `with`.

    Raises `UsageError`.
    """
    function = load_function(name, key)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name.replace(':', '.')}.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for line in _make_lines(function, f"{key} {name!r}"):
                file.write(line + "\n")
        yield path


def _make_lines(function: Callable[[], Any], what: str) -> Iterator[str]:
    number = 0
    try:
        for number, row in enumerate(function(), 1):
            if not isinstance(row, Mapping):
                raise UsageError(
                    f"{what}: row {number} is a {type(row).__name__}; yield a dict with the input and its label, as in "
                    '{"input": [1.0, 2.0], "label": "a"}'
                )
            yield json.dumps(dict(row), default=_unwrap)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"{what} failed after row {number}: {type(error).__name__}: {error}") from error


def _unwrap(value: Any) -> Any:
    """Arrays and scalars of numpy, torch and the like, as JSON has them."""
    if callable(getattr(value, "tolist", None)):
        return value.tolist()
    raise TypeError(f"an input or a label of type {type(value).__name__} is not a value of JSON")
