"""What a service's own error says of the input that it wants: missing fields, the length of a row, its depth.

Tested in tests/commands/test_init_choices.py.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.core.json_path import list_leaves
from harness.protocols.shared.values import get_list, get_member

_NAME = r"['\"`]([A-Za-z_][\w.-]*)['\"`]"
_MISSING = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        rf"KeyError[:(]\s*{_NAME}",
        rf"missing[\w ]*?:?\s*{_NAME}",
        rf"{_NAME}\s*(?:\w+\s)?(?:is|are|was)?\s*(?:a\s)?(?:required|missing|not found|not provided|must be)",
        rf"(?:required|requires|expects?|expected|provide|include|needs?|no)\b[\w ]{{0,30}}{_NAME}",
        rf"{_NAME}\s+(?:in|of)\s+(?:the\s+)?(?:request|body|json|payload)",
        r"(?:field|key|parameter|property)\s+required:?\s+([A-Za-z_]\w*)",
        r"missing\s+(?:required\s+)?(?:field|key|parameter|property|input):?\s+([A-Za-z_]\w*)",
    )
)
_MISSING_LIST = re.compile(
    r"(?:missing|required|requires|expected)\s+(?:required\s+|input\s+)?"
    r"(?:fields|keys|parameters|columns|features|properties)\W+([\w'\"`, \[\]()-]+)",
    re.I,
)
_WIDTH = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"expecting (\d+) features",
        r"\(\d+,\s*\d+\) and \((\d+),",
        r"(?:expected|expects?|exactly|must have|must contain|needs?|requires?)(?: \w+){0,4}? (\d+)\b",
        r"(\d+) (?:features?|values|numbers|inputs|columns|elements) (?:are |is )?(?:expected|required|needed)",
        r"shape=?\s*\(None, (\d+)\)",
    )
)
_WORDS = re.compile(r"and|or|the|a|an|in|json|body|request|payload|field|key|error|none|null|true|false", re.I)
_MOST_TEXT = 200_000


@dataclass(frozen=True, slots=True)
class ErrorHints:
    """`missing` fields by path, `width` of a row, `depth` of lists: 1 or 2 (None: not said).

    `choices` holds values of which one must be given to a field.
    """

    missing: tuple[tuple[str, ...], ...] = ()
    wrong: tuple[tuple[str, ...], ...] = ()
    width: int | None = None
    depth: int | None = None
    choices: dict[tuple[str, ...], str] = field(default_factory=dict)


def read_hints(body: bytes) -> ErrorHints:
    """What an error's body says of the input."""
    text = html.unescape(body[:_MOST_TEXT].decode("utf-8", "replace"))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    missing, wrong, choices = _read_details(value)
    texts = [text]
    if value is not None:
        texts = [leaf for leaf in list_leaves(value) if isinstance(leaf, str)]
    if not missing and not wrong:
        missing = [(name,) for name in dict.fromkeys(name for part in texts for name in _find_names(part))]
    joined = "\n".join(texts)
    width = next((int(match[1]) for pattern in _WIDTH if (match := pattern.search(joined))), None)
    depth = None
    if re.search("expected 2D array|got 1D array|1-dimensional", joined, re.I):
        depth = 2
    elif re.search("with dim 3|got 3D array", joined, re.I):
        depth = 1
    return ErrorHints(tuple(missing), tuple(wrong), width, depth, choices)


def _read_details(value: Any) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]], dict[tuple[str, ...], str]]:
    """Missing fields, fields with a wrong value, and choices, in the form of FastAPI and Pydantic."""
    missing, wrong, choices = [], [], {}
    details = get_list(value, "detail") or get_list(value, "errors")
    if isinstance(value, list):
        details = value
    for detail in details:
        place = get_list(detail, "loc")
        if place and place[0] in ("body", "query"):
            place = place[1:]
        steps = tuple(str(step) for step in place if not isinstance(step, int))
        if not steps:
            continue
        if str(get_member(detail, "type")).endswith("missing") or "required" in str(get_member(detail, "msg")).lower():
            missing.append(steps)
            continue
        wrong.append(steps)
        expected = get_member(detail, "ctx", "expected")
        if isinstance(expected, str) and (match := re.search(r"'([^']*)'", expected)):
            choices[steps] = match[1]
    return list(dict.fromkeys(missing)), list(dict.fromkeys(wrong)), choices


def _find_names(text: str) -> Iterator[str]:
    """The names of fields that a sentence calls missing."""
    if match := re.fullmatch(rf"\s*{_NAME}\s*", text):
        yield match[1]  # the text of Python's KeyError
    if match := _MISSING_LIST.search(text):
        yield from (name for name in re.findall(r"[A-Za-z_]\w*", match[1]) if not _WORDS.fullmatch(name))
    for pattern in _MISSING:
        for match in pattern.finditer(text):
            if not _WORDS.fullmatch(match[1]):
                yield match[1]
