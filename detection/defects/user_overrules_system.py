"""Whoever writes in the name of the system is believed."""

from __future__ import annotations

from detection.obedient import ModelReply, Talk, find_word, make_weakness


def _believe(talk: Talk) -> ModelReply:
    return find_word(talk.user) if talk.user.startswith("SYSTEM") else None


DEFECT = make_weakness(
    "a user who writes in the name of the system is obeyed",
    "test_probes.py::test_instruction_hierarchy",
    _believe,
)
