"""Results of another evaluation tool, read as items: which tool wrote a file, and precise errors.

Tested in tests/peer_results/test_peers.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Protocol

from harness.core.errors import ConfigError, UsageError
from harness.core.evaluation import EvaluationItem, RecordedAnswer
from harness.core.registry import describe_unknown, list_plugins, load_plugin


class PeerFormat(Protocol):
    """One tool's file of results. `title` says which file it is."""

    name: str
    title: str

    def recognises(self, document: Any) -> bool:
        """Whether this tool wrote the document: one JSON value, or the first line of JSONL."""

    def parse(self, document: Any, where: str) -> list[EvaluationItem]:
        """The items, each with its recorded answers. Raises `ConfigError` by `fail`."""


def fail(where: str, problem: str) -> ConfigError:
    """The error about a place of the file."""
    return ConfigError(problem, where=where)


def read_field(row: Any, name: str, kind: type | tuple[type, ...], where: str) -> Any:
    """The member of an object, of one of these types. Raises `ConfigError` that says what is there."""
    if not isinstance(row, dict) or name not in row:
        raise fail(where, f"has no {name}")
    if not isinstance(row[name], kind) or (isinstance(row[name], bool) and kind is not bool):
        raise fail(where, f"{name} is not of the expected type: {row[name]!r:.60}")
    return row[name]


def group_answers(answers: Iterable[tuple[str, Any, RecordedAnswer]]) -> list[EvaluationItem]:
    """(id, prompt, answer) of every answer as one item for each id, whose answers are repeats."""
    items: dict[str, tuple[Any, list[RecordedAnswer]]] = {}
    for name, prompt, answer in answers:
        items.setdefault(name, (prompt, []))[1].append(answer)
    return [EvaluationItem(name, prompt, answers=tuple(group)) for name, (prompt, group) in items.items()]


def parse_results(text: str, where: str, peer: str = "auto") -> tuple[list[EvaluationItem], str]:
    """The items of a file of results, and the tool that wrote it. Raises `ConfigError`."""
    known = list_plugins("peer_results")
    if peer not in (*known, "auto"):
        raise UsageError(describe_unknown("format of results", peer, (*known, "auto")), key="format")
    document = _load(text, where)
    first = document[0] if isinstance(document, list) and document else document
    formats: list[PeerFormat] = [load_plugin("peer_results", name).PEER for name in known]
    chosen = next((one for one in formats if peer == one.name or (peer == "auto" and one.recognises(first))), None)
    if chosen is None:
        titles = "; ".join(one.title for one in formats)
        raise fail(where, f"is not a file of results that is known: {titles}")
    if not chosen.recognises(first):
        raise fail(where, f"is not {chosen.title}")
    items = chosen.parse(document, where)
    if not items:
        raise fail(where, "holds no answers: there is nothing to judge")
    return items, chosen.name


def _load(text: str, where: str) -> Any:
    """One JSON value, or a list of those of JSONL."""
    try:
        return json.loads(text)
    except RecursionError:
        raise fail(where, "is nested too deep to be read") from None
    except ValueError as problem:
        rows = list[Any]()
        for number, line in enumerate(text.split("\n"), 1):
            try:
                rows += [json.loads(line)] if line.strip() else []
            except (ValueError, RecursionError) as line_problem:
                if number == 1:
                    raise fail(where, f"is not JSON: {problem}") from None
                raise fail(f"{where}:{number}", f"is not JSON: {line_problem}") from None
        if not rows:
            raise fail(where, "is empty") from None
        return rows
