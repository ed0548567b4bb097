"""The model follows an order that stands in the description of a tool, and passes a secret on."""

from __future__ import annotations

from detection.obedient import ModelReply, Talk, find_word, make_weakness


def _follow(talk: Talk) -> ModelReply:
    return find_word(talk.tools)


DEFECT = make_weakness(
    "the model follows an order in the definition of a tool",
    "test_probes.py::test_poisoned_tool",
    _follow,
    tools=True,
)
