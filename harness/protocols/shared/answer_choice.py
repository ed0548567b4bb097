"""Where the prediction is in an answer whose form is not known: by the names in it.

Tested in tests/commands/test_init_choices.py.
"""

from __future__ import annotations

import json
import math
from typing import Any

from harness.core.json_path import JSONPath, read_at, walk_values
from harness.protocols.shared.json_schema import MAX_SAFE_INTEGER, Schema

_NAMES = (
    *("predictions", "prediction", "predicted_class", "predicted_label", "predicted", "pred", "labels", "label"),
    *("classes", "class_name", "class", "class_id", "category", "species", "sentiment", "generated_text", "completion"),
    *("response", "reply", "answer", "text", "result", "results", "output", "outputs", "embedding", "embeddings"),
    *("vector", "translation", "summary", "score", "scores", "probability", "value", "price", "decision", "approved"),
)
"""Names of a prediction, the most telling first."""
_CONFIDENCES = ("confidence", "probability", "prob", "score")
"""Names of the probability of a label."""
_PIECE_NAMES = ("token", "text", "content", "delta", "response", "generated_text", "piece", "chunk", "message", "data")
_DEEPEST = 3
_SUM_TOLERANCE = 1e-3


def choose_answer(
    value: Any, repeat: Any, *, echo: Any = None, is_batch: bool = False
) -> tuple[str | None, str | None]:
    """The paths of the prediction, and of probabilities beside it; None where the adapter's default is right.

    `repeat` is the answer to the same request: a member that differs is a time or a counter, and no prediction; nor
    is `echo`, the input. Of a batch the prediction is the list that has an entry for each row.
    """
    if echo is not None and isinstance(value, dict):
        value = {name: member for name, member in value.items() if member != echo} or value
    if is_batch:
        value, repeat = _close_lists(value), _close_lists(repeat)
    if not isinstance(value, dict):
        path = _descend(value, ())
        is_found = bool(path) or not isinstance(value, list)
        return (write_path(path) if is_found else None), _find_confidence(value, repeat, path)
    path = _descend(value, ())
    if not path:
        stable = [name for name, member in value.items() if _get(repeat, name) == member and member is not None]
        if len(stable) != 1:
            return None, None
        path = (stable[0],)
    probabilities = None
    for place, member in walk_values(value):
        is_named = place and str(place[-1]).lower().startswith("prob")
        if is_named and place != path and _are_probabilities(member):
            probabilities = write_path(place)
    return write_path(path), probabilities or _find_confidence(value, repeat, path)


def _find_confidence(value: Any, repeat: Any, path: JSONPath) -> str | None:
    """The path of a single probability beside a label, which is a text or a yes or no; None if there is none."""
    if not path or not isinstance(read_at(value, path), str | bool):
        return None
    for place, member in walk_values(value):
        is_beside = len(place) == len(path) and place[:-1] == path[:-1] and str(place[-1]).lower() in _CONFIDENCES
        if is_beside and type(member) is float and 0 < member <= 1 and (place, member) in walk_values(repeat):
            return write_path(place)
    return None


def make_expectation(schema: Schema) -> dict[str, Any] | None:
    """What a schema promises of every value: one of a list, or a range. None where it does not bound them."""
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        return {"one_of": schema["enum"]}
    low, high = schema.get("minimum"), schema.get("maximum")
    if isinstance(low, int | float) and isinstance(high, int | float) and low <= high < MAX_SAFE_INTEGER:
        return {"range": [low, high]}
    return None


def _close_lists(value: Any) -> Any:
    """The value with lists of objects as lists of texts, into which no path leads."""
    if isinstance(value, list):
        return [json.dumps(entry) if isinstance(entry, dict) else entry for entry in value]
    if isinstance(value, dict):
        return {name: _close_lists(member) for name, member in value.items()}
    return value


def _get(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    return None


def _descend(value: Any, path: JSONPath) -> JSONPath:
    """The place of the prediction below a place; the place itself where nothing in it is called so."""
    if len(path) >= _DEEPEST:
        return path
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        inner = _descend(value[0], (*path, 0))
        if inner != (*path, 0):
            return inner
        return path
    if not isinstance(value, dict):
        return path
    lowered = {name.lower(): name for name in value}
    for name in _NAMES:
        if name in lowered and value[lowered[name]] is not None:
            return _descend(value[lowered[name]], (*path, lowered[name]))
    for name, member in value.items():
        inner = _descend(member, (*path, name))
        if isinstance(member, dict) and inner != (*path, name):
            return inner
    return path


def _are_probabilities(member: Any) -> bool:
    """Whether a list of numbers, or each row of a list of rows, sums to 1."""
    rows = member
    if isinstance(member, list) and member and not isinstance(member[0], list):
        rows = [member]
    if not isinstance(rows, list) or not rows:
        return False
    for row in rows:
        if not isinstance(row, list) or len(row) < 2 or any(type(number) not in (int, float) for number in row):
            return False
        if abs(math.fsum(row) - 1) > _SUM_TOLERANCE:
            return False
    return True


def write_path(path: JSONPath) -> str:
    """A path as templates have it: `$.result[0].label`."""
    text = "$"
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.isidentifier():
            text += f".{step}"
        else:
            text += f"['{step}']"
    return text


def find_piece(body: bytes) -> str:
    """The path of the text in each event or line of a streamed answer; `$` for bare texts, empty if there is none."""
    for line in body.decode("utf-8", "replace").splitlines():
        if line.startswith((":", "event:", "id:", "retry:")) or not line.strip():
            continue
        data = line.removeprefix("data:").strip()
        try:
            value = json.loads(data)
        except ValueError:
            return "$"
        texts = [path for path, leaf in walk_values(value) if isinstance(leaf, str) and read_at(value, path)]
        named = [path for name in _PIECE_NAMES for path in texts if path and path[-1] == name]
        if named or (texts and isinstance(value, str)):
            return write_path([*named, *texts][0])
        if len(texts) == 1:
            return write_path(texts[0])
    return ""
