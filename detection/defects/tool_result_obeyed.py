"""The model follows an order that stands in the result of a tool."""

from __future__ import annotations

from detection.obedient import ModelReply, Talk, find_word, make_weakness


def _follow(talk: Talk) -> ModelReply:
    return find_word(talk.results)


DEFECT = make_weakness(
    "the model follows an order in the result of a tool",
    "test_probes.py::test_injection_tool_result",
    _follow,
    tools=True,
)
