"""Open checks by their cause: those that got the same answer, or ended for the same reason, belong together.

Tested in tests/core/test_causes.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from harness.core.report import CheckRow
from harness.core.verdict import Status
from harness.core.visible_text import fold_line

_CHANGING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|0x[0-9a-f]+|[0-9a-f]{16,}|\d+(?:\.\d+)?", re.I)
"""What differs between two answers to one and the same mistake: identifiers, times, ports."""

_SAME_STARTS = ("the endpoint was not reached", "bound by the client")
"""What reasons of one cause begin with, whatever they say of each check."""
_COMPARED = 800
"""Characters of a body that are compared."""


def group_by_cause(rows: Iterable[CheckRow]) -> list[tuple[CheckRow, ...]]:
    """The rows by cause, in the order of the first row of each; rows of different verdicts stand apart."""
    groups: list[list[CheckRow]] = []
    by_key: dict[tuple[str, ...], list[CheckRow]] = {}
    for row in rows:
        keys = _list_keys(row)
        group = next((by_key[key] for key in keys if key in by_key), None)
        if group is None:
            group = []
            groups.append(group)
        group.append(row)
        for key in keys:
            by_key.setdefault(key, group)
    return [tuple(group) for group in groups]


def shorten_ids(ids: Iterable[str], most: int = 12) -> str:
    """The ids, each module once: `smoke/test_answer.py::test_valid, ::test_latency and 3 more`."""
    listed = list(ids)
    parts, last = [], ""
    for id_ in listed[:most]:
        module, colons, test = fold_line(id_, 200).removeprefix("ai-suite/").partition("::")
        parts.append(f"::{test}" if colons and module == last else f"{module}{colons}{test}")
        last = module
    more = f" and {len(listed) - most:,} more" if len(listed) > most else ""
    return f"{', '.join(parts)}{more}"


def _list_keys(row: CheckRow) -> list[tuple[str, ...]]:
    """What two rows of one cause share: the reason; or the answer, where that is an error."""
    verdict, reason = str(row.verdict), row.reason
    reason = next((start for start in _SAME_STARTS if reason.startswith(start)), reason)
    if row.verdict is not Status.FAIL:
        return [(verdict, _CHANGING.sub("#", reason) if row.estimate is None else reason)]
    example = row.counterexamples[0] if row.counterexamples else None
    response = example.response if example else None
    if example is None or not response:
        return [(verdict, reason)]
    answer = (str(response.get("status")), str(response.get("error") or ""), _blur(response))
    keys: list[tuple[str, ...]] = [(verdict, reason, *answer)]
    status = response.get("status")
    request = example.request or {}
    if status is None or not isinstance(status, int) or status >= 400:
        place = (str(request.get("method")), str(request.get("url")).partition("?")[0])
        keys.append((verdict, *place, *answer))
    return keys


def _blur(response: Mapping[str, Any]) -> str:
    return _CHANGING.sub("#", str(response.get("body") or "")[:_COMPARED])
