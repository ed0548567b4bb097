"""An old replica is still in the pool: the service announces one version, and its answers come from another."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import CHAT, V2, Defect
from harness.reference.settings import CHAT_MODEL

_OLD = "0"


def _stamp(answer: dict[str, Any]) -> None:
    if "choices" in answer:
        answer["model"] = f"{CHAT_MODEL}-{_OLD}"
    elif "model_version" in answer:
        answer["model_version"] = _OLD
    else:
        answer["version"] = _OLD


DEFECT = Defect(
    title="answers are stamped with another model version or name than the announced one",
    caught_by="ai-suite/smoke/test_identity.py::test_model_",
    protocols=(V2, CHAT),
    wrap=lambda app: change_answers(app, _stamp),
)
