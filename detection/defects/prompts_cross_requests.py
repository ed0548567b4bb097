"""Every answer ends with the last system prompt that was read, of whatever caller."""

from __future__ import annotations

from detection.obedient import ModelReply, Talk, make_weakness

_last: list[str] = []


def _mix(talk: Talk) -> ModelReply:
    earlier = _last[-1] if _last else ""
    if "code is" in talk.system:
        _last[:] = [talk.system]
    return f"Fine. {earlier}" if earlier else None


DEFECT = make_weakness(
    "an answer holds the system prompt of another request",
    "test_canary.py::test_cross_request",
    _mix,
)
