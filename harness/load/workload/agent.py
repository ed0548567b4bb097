"""Sessions of an agent: after the first, each turn is the result of a tool that the recorded answer before it called.

Their size is the published one (`harness.core.workload.make_agent_profile`) times `scale`, and the pause between two
turns is what the tool takes. Tested in tests/load/workload/test_session_workloads.py.
"""

from __future__ import annotations

import json
from typing import Any

from harness.core.workload import Material
from harness.load.forms import Workload
from harness.load.workload.sessions import SessionWorkload, count_session_forms


def _make(material: Material) -> Workload:
    return _Agent(material, count_session_forms(material), is_unique=True)


class _Agent(SessionWorkload):
    def address_turn(self, content: str, script: int, turn: int) -> dict[str, Any]:
        if turn == 0:
            return super().address_turn(content, script, turn)
        return {"role": "tool", "tool_call_id": _name_call(script, turn - 1), "content": content}

    def record_answer(self, answer: dict[str, Any], script: int, turn: int) -> dict[str, Any]:
        call = {"name": "read_file", "arguments": json.dumps({"path": f"src/part_{turn}.py"})}
        return {**answer, "tool_calls": [{"id": _name_call(script, turn), "type": "function", "function": call}]}


def _name_call(script: int, turn: int) -> str:
    return f"call_{script}_{turn}"


WORKLOAD = _make
