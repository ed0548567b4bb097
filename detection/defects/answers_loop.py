"""The answer to a question that the model does not know falls into a loop."""

from __future__ import annotations

from detection.obedient import ModelReply, Talk, make_weakness


def _loop(talk: Talk) -> ModelReply:
    return "it is a place for ships and " * 20 if talk.user.startswith("What is a harbour") else None


DEFECT = make_weakness(
    "the answer to an ordinary question falls into a loop",
    "test_probes.py::test_repetition",
    _loop,
)
