"""lm-evaluation-harness: the samples of one task (`--log_samples`, `samples_TASK_TIME.jsonl`)."""

from __future__ import annotations

from typing import Any

from harness.core.evaluation import EvaluationItem, RecordedAnswer
from harness.core.peer_results import choose_metric, fail, group_answers, read_field, read_right


class _LMEval:
    name = "lm_eval"
    title = "the samples of lm-evaluation-harness as JSONL (--log_samples)"

    def recognises(self, document: Any) -> bool:
        return isinstance(document, dict) and "doc_id" in document and "resps" in document

    def parse(self, document: Any, where: str, metric: str) -> list[EvaluationItem]:
        rows = document if isinstance(document, list) else [document]
        wanted, _, filter_name = metric.partition(",")
        filters = list(dict.fromkeys(str(row.get("filter", "none")) for row in rows if isinstance(row, dict)))
        if not filter_name and len(filters) > 1:
            names = ", ".join(filters)
            problem = (
                f'has answers by several filters ({names}): name one, as format = "lm_eval:exact_match,{filters[0]}"'
            )
            raise fail(where, problem)
        answers = []
        for number, row in enumerate(rows, 1):
            place = f"{where}:{number}"
            name = read_field(row, "doc_id", int, place)
            if filter_name and row.get("filter", "none") != filter_name:
                continue
            chosen = choose_metric(_list_metrics(row), wanted, place, "lm_eval")
            is_right = read_right(row[chosen], f"{place}: {chosen}")
            why = "" if is_right else f"{chosen} is 0 for the target {row.get('target')!r:.60}"
            text = _read_text(row)
            answers.append((f"doc {name}", _read_prompt(row), RecordedAnswer(text, is_right, why)))
        return group_answers(answers)


def _list_metrics(row: dict[str, Any]) -> list[str]:
    """The metrics that the row names, else its only number."""
    names = row.get("metrics")
    if isinstance(names, list):
        return [name for name in names if name in row]
    known = ("doc_id",)
    return [name for name, value in row.items() if isinstance(value, float) and name not in known]


def _read_text(row: dict[str, Any]) -> str:
    """The first text among the answers; of a choice by likelihood there is none."""
    value: Any = row.get("filtered_resps") or row.get("resps")
    while isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, str) else ""


def _read_prompt(row: dict[str, Any]) -> str:
    """The first argument of the first request."""
    value: Any = row.get("arguments")
    while isinstance(value, dict | list) and value:
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return value if isinstance(value, str) else ""


PEER = _LMEval()
