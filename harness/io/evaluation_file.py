"""Read the prompts of an evaluation, answers that people have labelled, and results of other tools.

Every error names the file and the row. Tested in tests/config/test_evaluation_config.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.core.evaluation import NO_GRADER, EvaluationItem, LabelledAnswer
from harness.core.peer_results import parse_results
from harness.io.cells import refuse_cell
from harness.io.json_lines import read_json_lines

_MOST_BYTES = 256 * 2**20


def read_items(path: Path, prompt: str, reference: str, grader: str) -> tuple[tuple[EvaluationItem, ...], str]:
    """The items of a JSONL file, and its SHA-256. Raises `ConfigError`.

    A row has a text under the key `prompt`, or `messages` with roles, and what its grader takes under `reference`. It
    may name its own `id`, `grader`, `tools`, `options`, and whether a tool must be called (`calls`).
    """
    _, digest = _read_text(path)
    items = [_read_item(where, row, prompt, reference, grader) for where, row in _list_rows(path)]
    if not items:
        refuse_cell(str(path), "the file holds no rows")
    names = [item.id for item in items]
    if doubled := next((name for name in names if names.count(name) > 1), ""):
        refuse_cell(str(path), f"{doubled} stands twice: give each row an id of its own, or none", "id")
    if all(item.reference is None and item.grader == grader for item in items) and grader != "function":
        items = [replace(item, grader=NO_GRADER) for item in items]  # only what needs no reference is judged
    return tuple(items), digest


def read_labelled_answers(path: Path) -> tuple[LabelledAnswer, ...]:
    """The labelled answers of a JSONL file: `prompt`, `answer`, `right` (true or false) and perhaps `reference`.

    A row without `right` (or null) is not labelled yet, and left out. Raises `ConfigError`.
    """
    labels: dict[tuple[str, str], LabelledAnswer] = {}
    _read_text(path)
    for where, row in _list_rows(path):
        for name in ("prompt", "answer"):
            if not isinstance(row.get(name), str):
                refuse_cell(where, f"{name} must be a text", name)
        right = row.get("right")
        if right is None:
            continue
        if not isinstance(right, bool):
            refuse_cell(where, f"must be true or false, whether the answer is right, got {right!r:.60}", "right")
        label = LabelledAnswer(row["prompt"], row["answer"], right, describe_reference(row.get("reference")))
        known = labels.setdefault((label.prompt, label.answer), label)
        if known.is_right is not right:
            refuse_cell(where, "the same answer is labelled right in one row and wrong in another", "right")
    return tuple(labels.values())


def describe_reference(reference: Any) -> str:
    """A reference as the text that a judge reads; empty: there is none."""
    if reference is None:
        return ""
    if isinstance(reference, str):
        return reference
    return json.dumps(reference, ensure_ascii=False)


def read_peer_results(path: Path, peer: str) -> tuple[tuple[EvaluationItem, ...], str, str]:
    """The items with recorded answers of another tool's results, the SHA-256 of the file, and the tool's name.

    `peer` names the tool, or is `auto`. Raises `ConfigError`.
    """
    text, digest = _read_text(path)
    items, name = parse_results(text, str(path), peer)
    return tuple(items), digest, name


def count_repeated_items(items: Sequence[EvaluationItem], where: str) -> tuple[tuple[EvaluationItem, ...], int]:
    """The items without those that repeat an earlier one, and how many did. Raises `ConfigError`.

    The same prompt with another reference is refused: one answer would be right and wrong.
    """
    distinct: dict[str, EvaluationItem] = {}
    for item in items:
        key = json.dumps([item.inputs, dict(item.options)], sort_keys=True)
        known = distinct.setdefault(key, item)
        if (known.reference, known.grader, known.calls) != (item.reference, item.grader, item.calls):
            problem = (
                f"asks the same as {known.id} and has another reference; give all right answers in one row, as a list"
            )
            refuse_cell(f"{where}: {item.id}", problem)
    return tuple(distinct.values()), len(items) - len(distinct)


def _read_text(path: Path) -> tuple[str, str]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            refuse_cell(str(path), f"the file is over {_MOST_BYTES >> 20} MiB; give a part of it")
        data = path.read_bytes()
        return data.decode("utf-8-sig"), hashlib.sha256(data).hexdigest()
    except UnicodeDecodeError:
        if data[:2] == b"PK":
            refuse_cell(str(path), "is an archive; write it as JSON first (Inspect: inspect log convert --to json)")
        refuse_cell(str(path), "is not UTF-8 text; save it as UTF-8")
    except OSError as problem:
        refuse_cell(str(path), f"cannot be read ({problem.strerror or problem})")


def _list_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, row in read_json_lines(path, finite=True):
        if not isinstance(row, dict):
            refuse_cell(where, f"must be an object, got {row!r:.60}")
        yield where, row


def _read_item(where: str, row: Mapping[str, Any], prompt: str, reference: str, grader: str) -> EvaluationItem:
    inputs = row.get("messages") if prompt not in row else row[prompt]
    if isinstance(inputs, list):
        if not inputs or not all(isinstance(one, dict) and isinstance(one.get("role"), str) for one in inputs):
            refuse_cell(where, "messages must be a list of objects with role and content", "messages")
    elif not isinstance(inputs, str) or not inputs.strip():
        refuse_cell(where, f"has no prompt: give a text as {prompt!r}, or messages", prompt)
    options = row.get("options", {})
    if not isinstance(options, dict):
        refuse_cell(where, f"must be an object, got {options!r:.60}", "options")
    if "tools" in row:
        if not isinstance(row["tools"], list) or not row["tools"]:
            refuse_cell(where, f"must be a list of tools, got {row['tools']!r:.60}", "tools")
        options = {**options, "tools": row["tools"]}
    calls, own = row.get("calls"), row.get("grader", grader)
    if calls is not None and not isinstance(calls, bool):
        refuse_cell(where, f"must be true or false, whether a tool must be called, got {calls!r:.60}", "calls")
    if not isinstance(own, str):
        refuse_cell(where, f"must be the name of a grader, got {own!r:.60}", "grader")
    name = row.get("id")
    wanted = row.get(reference)
    if wanted is None and calls is not None and "grader" not in row:
        own = NO_GRADER  # what it calls is judged, not what it says
    label = f"item {name}" if isinstance(name, str | int) else f"row {where.rpartition(':')[2]}"
    return EvaluationItem(label, inputs, wanted, own, options, calls)
