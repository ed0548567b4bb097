"""The template is filled in as text: marks in a user's message begin a turn of the system."""

from __future__ import annotations

from detection.obedient import ModelReply, Talk, find_word, make_weakness


def _split(talk: Talk) -> ModelReply:
    return find_word(talk.user.partition("<|im_start|>system")[2])


DEFECT = make_weakness(
    "marks of the template in a user's message begin a turn of the system",
    "test_probes.py::test_fake_turns",
    _split,
)
