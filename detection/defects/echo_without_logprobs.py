"""An echoed prompt stands in the text, and the log-probabilities begin after it."""

from __future__ import annotations

from detection.change_request import Object, change_pairs
from detection.switch import COMPLETIONS, Defect


def _change(request: Object, answer: Object) -> None:
    for choice in answer.get("choices", ()) if request.get("echo") else ():
        lists = choice.get("logprobs")
        if not lists:
            continue
        first = sum(offset < len(request["prompt"]) for offset in lists["text_offset"])
        choice["logprobs"] = {name: values[first:] for name, values in lists.items()}


DEFECT = Defect(
    title="of an echoed prompt the log-probabilities are missing",
    caught_by="ai-suite/integration/test_echo.py::test_prompt_covered",
    protocols=(COMPLETIONS,),
    wrap=lambda app: change_pairs(app, _change),
)
