"""promptfoo: the results of `promptfoo eval -o FILE.json`."""

from __future__ import annotations

import json
from typing import Any

from harness.core.evaluation import EvaluationItem, RecordedAnswer
from harness.core.peer_results import fail, group_answers, read_field

_UNGRADED = "No assertions"
"""What promptfoo writes where nothing was asserted; it calls that a success."""
_ERROR = 2
"""The reason of a failure that is not an assertion's: the provider failed."""


class _Promptfoo:
    name = "promptfoo"
    title = "the results of promptfoo eval -o FILE.json"

    def recognises(self, document: Any) -> bool:
        return (
            isinstance(document, dict)
            and isinstance(document.get("results"), dict)
            and isinstance(document["results"].get("results"), list)
        )

    def parse(self, document: Any, where: str, metric: str) -> list[EvaluationItem]:
        rows, answers, providers, prompts = document["results"]["results"], [], set(), set()
        for number, row in enumerate(rows, 1):
            place = f"{where}: result {number}"
            is_right = read_field(row, "success", bool, place)
            prompt = read_field(read_field(row, "prompt", dict, place), "raw", str, place)
            provider = row.get("provider")
            providers.add(provider.get("id") if isinstance(provider, dict) else provider)
            prompts.add(str(row["prompt"].get("label", row.get("promptIdx"))))
            why = str((row.get("gradingResult") or {}).get("reason") or row.get("error") or "")
            if is_right and (not row.get("gradingResult") or why == _UNGRADED):
                raise fail(place, "has no assertion: it cannot be said whether the answer is right")
            answer = RecordedAnswer(_read_text(row), is_right, why[:160], failed=row.get("failureReason") == _ERROR)
            key = json.dumps([prompt, row.get("vars")], sort_keys=True)
            answers.append((key, prompt, answer))
        if len(providers) > 1:
            names = ", ".join(sorted(map(str, providers)))
            raise fail(where, f"has answers of several providers ({names}): keep those of one (--filter-providers)")
        if len(prompts) > 1:
            names = ", ".join(f"{name:.40}" for name in sorted(prompts))
            raise fail(where, f"has answers to several prompts ({names}): evaluate one at a time")
        items = group_answers(answers)
        return [
            EvaluationItem(f"test {place}", item.inputs, answers=item.answers) for place, item in enumerate(items, 1)
        ]


def _read_text(row: dict[str, Any]) -> str:
    response = row.get("response")
    output = response.get("output") if isinstance(response, dict) else response
    if output is None:
        return ""
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)


PEER = _Promptfoo()
