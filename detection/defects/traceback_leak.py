"""Debug mode left on: the refusal of a bad request carries a Python traceback with paths of the server's files."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import Defect

_TRACEBACK = """
Traceback (most recent call last):
  File "/srv/app/serving/handlers.py", line 88, in handle
    features = self.preprocess(body["instances"])
  File "/srv/app/serving/preprocess.py", line 31, in preprocess
    return np.asarray(rows, dtype=np.float32).reshape(-1, 8, 8)
ValueError: """


def _leak(answer: dict[str, Any]) -> None:
    """The message stays, at the end of the traceback, in the place where each protocol has it."""
    error = answer["error"]
    if isinstance(error, str):
        answer["error"] = _TRACEBACK + error
    else:
        error["message"] = _TRACEBACK + error["message"]


DEFECT = Defect(
    title="a bad request is answered with a Python traceback and file paths",
    caught_by="ai-suite/smoke/test_errors.py::test_nothing_leaks",
    wrap=lambda app: change_answers(app, _leak, statuses=range(400, 500)),
)
