"""Paths in templates: a small part of JSONPath (RFC 9535), `$`, `.name`, `['any name']`, `["any name"]`, `[0]`."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import Any

from harness.core.errors import ProtocolError, UsageError
from harness.core.json_path import JSONPath

_STEP = re.compile(
    r"\.([A-Za-z_\u0080-\U0010ffff][\w\u0080-\U0010ffff-]*)|\[(-?\d{1,9})\]|\['([^']*)'\]|\[\"([^\"]*)\"\]"
)


_MOST_MEMBERS, _LONGEST_NAME = 6, 40
"""Members of an answer that a message names, and characters of each."""


@lru_cache(maxsize=64)
def parse_template_path(path: str) -> JSONPath:
    """The names and indices of a path. Raises `UsageError` with the position from which it is not valid."""
    if not path.startswith("$"):
        raise UsageError(f"path {path!r} must start with '$', like $.predictions[0]")
    steps: list[str | int] = []
    position = 1
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise UsageError(f"path {path!r} is not valid from {path[position:]!r} on; allowed: .name, ['a name'], [0]")
        steps.append(int(match[2]) if match.lastindex == 2 else match[match.lastindex or 0])
        position = match.end()
    return tuple(steps)


def extract_value(value: Any, path: str) -> Any:
    """The value at the path. Raises `ProtocolError` with the place where it does not continue."""
    at = "$"
    for step in parse_template_path(path):
        if isinstance(step, int):
            if not isinstance(value, list) or not -len(value) <= step < len(value):
                raise ProtocolError(f"no element [{step}] (looking for {path})", at=at)
            value, at = value[step], f"{at}[{step}]"
        else:
            if not isinstance(value, dict) or step not in value:
                raise ProtocolError(f"no member {step!r} (looking for {path}){_describe_near(value, step)}", at=at)
            value, at = value[step], f"{at}.{step}"
    return value


def _describe_near(value: Any, step: str) -> str:
    """The members that there are; one whose name differs by little may be what was meant."""
    if not isinstance(value, dict) or not value:
        return ""
    names = [str(name)[:_LONGEST_NAME] for name in value]
    if near := difflib.get_close_matches(step.lower(), names, n=1):
        return f": did you mean {near[0]!r}? See [endpoint.template] answer"
    return f"; there are {', '.join(map(repr, names[:_MOST_MEMBERS]))}{', …' * (len(names) > _MOST_MEMBERS)}"


def find_last_name(path: str) -> str:
    """The last name in a path, such as `data` in `$.data[0]`; `answer` if it has no name."""
    return next((step for step in reversed(parse_template_path(path)) if isinstance(step, str)), "answer")
