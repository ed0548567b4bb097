"""A small part of JSONPath (RFC 9535): `$`, `.name`, `['any name']`, `["any name"]`, `[0]`, `[-1]`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from harness.core.errors import ProtocolError, UsageError
from harness.core.json_path import JSONPath

_STEP = re.compile(
    r"\.([A-Za-z_\u0080-\U0010ffff][\w\u0080-\U0010ffff-]*)|\[(-?\d{1,9})\]|\['([^']*)'\]|\[\"([^\"]*)\"\]"
)


@lru_cache(maxsize=64)
def parse_template_path(path: str) -> JSONPath:
    """The names and indices of a path. Raises `UsageError` that shows where it is not one."""
    if not path.startswith("$"):
        raise UsageError(f"path {path!r} must start with '$', like $.predictions[0]")
    found: list[str | int] = []
    position = 1
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise UsageError(
                f"path {path!r} is not understood from {path[position:]!r} on; allowed: .name, ['a name'], [0]"
            )
        name, index, single, double = match.groups()
        found.append(int(index) if index is not None else next(x for x in (name, single, double) if x is not None))
        position = match.end()
    return tuple(found)


def extract_value(value: Any, path: str) -> Any:
    """What stands at the path. Raises `ProtocolError` at the first step that leads nowhere."""
    reached = "$"
    for step in parse_template_path(path):
        if isinstance(step, int):
            if not isinstance(value, list) or not -len(value) <= step < len(value):
                raise ProtocolError(f"no element [{step}] there (looking for {path})", at=reached)
            value, reached = value[step], f"{reached}[{step}]"
        else:
            if not isinstance(value, dict) or step not in value:
                raise ProtocolError(f"no {step!r} there (looking for {path})", at=reached)
            value, reached = value[step], f"{reached}.{step}"
    return value


def find_last_name(path: str) -> str:
    """The last name in a path, or `answer` when there is none: `$.data[0]` is `data`."""
    return next((step for step in reversed(parse_template_path(path)) if isinstance(step, str)), "answer")
