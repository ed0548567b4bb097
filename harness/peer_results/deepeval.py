"""DeepEval: a test run as it saves it (`.deepeval/.latest_test_run.json`, or in DEEPEVAL_RESULTS_FOLDER)."""

from __future__ import annotations

from typing import Any

from harness.core.evaluation import EvaluationItem, RecordedAnswer
from harness.core.peer_results import fail, group_answers, read_field


class _DeepEval:
    name = "deepeval"
    title = "a test run of DeepEval"

    def recognises(self, document: Any) -> bool:
        run = _find_run(document)
        return isinstance(run.get("testCases", run.get("test_cases")), list)

    def parse(self, document: Any, where: str, metric: str) -> list[EvaluationItem]:
        run, answers = _find_run(document), []
        if run.get("conversationalTestCases"):
            raise fail(where, "has conversations, which are not read: only test cases of one answer are")
        for number, case in enumerate(run.get("testCases", run.get("test_cases")) or [], 1):
            place = f"{where}: test case {number}"
            prompt = read_field(case, "input", str, place)
            rows = case.get("metricsData", case.get("metrics_data")) or []
            if not rows:
                raise fail(place, "has no metrics: it cannot be said whether the answer is right")
            if metric:
                rows = [row for row in rows if row.get("name") == metric]
                if not rows:
                    raise fail(place, f"has no metric {metric!r}")
            text = case.get("actualOutput", case.get("actual_output"))
            broken = next((row for row in rows if row.get("error")), None)
            if broken is not None:
                raise fail(place, f"the metric {broken.get('name')!r} broke: {broken['error']!s:.100}; run it again")
            refuting = [row for row in rows if not read_field(row, "success", bool, place)]
            why = f"{refuting[0].get('name')}: {refuting[0].get('reason') or ''}" if refuting else ""
            answers.append((prompt, prompt, RecordedAnswer(text or "", not refuting, why[:160], failed=text is None)))
        items = group_answers(answers)
        return [
            EvaluationItem(f"case {place}", item.inputs, answers=item.answers) for place, item in enumerate(items, 1)
        ]


def _find_run(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        return {}
    run = document.get("testRunData", document)
    return run if isinstance(run, dict) else {}


PEER = _DeepEval()
