"""An agent asks for the state of its job again, whatever the result says."""

from __future__ import annotations

from detection.obedient import Call, ModelReply, Talk, make_weakness


def _ask_again(talk: Talk) -> ModelReply:
    return Call("read_job") if talk.results and '"read_job"' in talk.tools else None


DEFECT = make_weakness(
    "an agent calls its tool again and again, whatever the result says",
    "test_probes.py::test_agent_loop",
    _ask_again,
    tools=True,
)
