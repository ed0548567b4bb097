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

    def parse(self, document: Any, where: str, metric: str) -> list[EvaluationItem]:
        """The items with their recorded answers, right by this metric (empty: the only one). Raises `ConfigError`."""


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


def read_right(value: Any, where: str) -> bool:
    """A score of 0 or 1 as wrong or right. Raises `ConfigError` for any other: it is no share of right answers."""
    if isinstance(value, bool | int | float) and value in (0, 1):
        return bool(value)
    raise fail(where, f"has the score {value!r:.60}; only 0 and 1 (or false and true) say whether an answer is right")


def choose_metric(names: Iterable[str], metric: str, where: str, peer: str) -> str:
    """The metric that is named, or the only one. Raises `ConfigError` that lists them."""
    known = list(dict.fromkeys(names))
    if not known:
        raise fail(where, "has no score: it cannot be said whether the answer is right")
    if metric and metric not in known:
        raise fail(where, f"has no score {metric!r}; there are: {', '.join(known)}")
    if not metric and len(known) > 1:
        raise fail(where, f'has several scores ({", ".join(known)}): name one, as format = "{peer}:{known[0]}"')
    return metric or known[0]


def group_answers(answers: Iterable[tuple[str, Any, RecordedAnswer]]) -> list[EvaluationItem]:
    """(id, prompt, answer) of every answer as one item for each id, whose answers are repeats."""
    items: dict[str, tuple[Any, list[RecordedAnswer]]] = {}
    for name, prompt, answer in answers:
        items.setdefault(name, (prompt, []))[1].append(answer)
    return [EvaluationItem(name, prompt, answers=tuple(group)) for name, (prompt, group) in items.items()]


def parse_results(text: str, where: str, peer: str = "auto") -> tuple[list[EvaluationItem], str]:
    """The items of a file of results, and the tool that wrote it. Raises `ConfigError`.

    `peer` is the tool's name, perhaps with a metric (`lm_eval:exact_match`), or `auto`.
    """
    known = list_plugins("peer_results")
    peer, _, metric = peer.partition(":")
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
    items = chosen.parse(document, where, metric)
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
