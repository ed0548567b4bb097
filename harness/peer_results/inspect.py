"""Inspect: an evaluation log as JSON (`--log-format json`, or `inspect log convert --to json`)."""

from __future__ import annotations

from typing import Any

from harness.core.evaluation import EvaluationItem, RecordedAnswer
from harness.core.peer_results import choose_metric, fail, group_answers, read_field, read_right

_LETTERS = {"C": 1, "I": 0, "P": 0, "N": 0}
"""Correct, incorrect, partially correct, no answer: the last three are not right."""


class _Inspect:
    name = "inspect"
    title = "an evaluation log of Inspect as JSON"

    def recognises(self, document: Any) -> bool:
        return isinstance(document, dict) and isinstance(document.get("eval"), dict) and "status" in document

    def parse(self, document: Any, where: str, metric: str) -> list[EvaluationItem]:
        if document["status"] != "success":
            raise fail(where, f"has the status {document['status']!r}: not every sample was scored; run it to its end")
        samples = read_field(document, "samples", list, where)
        if not samples:
            raise fail(where, "has no samples (was it written with --no-log-samples?)")
        answers = []
        for number, sample in enumerate(samples, 1):
            place = f"{where}: sample {number}"
            name = read_field(sample, "id", (str, int), place)
            answers.append((f"sample {name}", sample.get("input"), _read_answer(sample, place, metric)))
        return group_answers(answers)


def _read_answer(sample: dict[str, Any], place: str, metric: str) -> RecordedAnswer:
    output = sample.get("output") or {}
    text = output.get("completion") or ""
    error = sample.get("error")
    if error:
        words = error.get("message", "") if isinstance(error, dict) else str(error)
        return RecordedAnswer(text, False, f"it failed: {words:.120}", failed=True)
    scores = sample.get("scores") or {}
    if not isinstance(scores, dict):
        raise fail(place, f"scores is not of the expected type: {scores!r:.60}")
    name = choose_metric(scores, metric, place, "inspect")
    value = read_field(scores[name], "value", (str, int, float, bool, dict, list), f"{place}: {name}")
    is_right = read_right(_LETTERS.get(value, value) if isinstance(value, str) else value, f"{place}: {name}")
    why = scores[name].get("explanation") or f"{name} calls it {value!r}"
    return RecordedAnswer(text, is_right, "" if is_right else str(why)[:160])


PEER = _Inspect()
