"""endless_tool_calls: the model calls a tool in every answer, so that an agent must stop by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from harness.core.fault import Parameter
from harness.core.http_request import HttpParameters
from harness.core.stream_events import Event
from harness.faults._answer_change import AnswerChange, Item, encode_json
from harness.faults._http_stage import define_http_fault


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    tool: Annotated[str, Parameter("the tool; empty: the first that the request offers")] = ""
    arguments: Annotated[str, Parameter("its arguments, as JSON")] = "{}"


class _EndlessToolCalls(AnswerChange[_Parameters]):
    media = "text"
    needs_request_body = True

    def rewrite_body(self, body: bytes) -> bytes | None:
        """The answer with a call in place of its text, if the request offers tools."""
        return super().rewrite_body(body) if self._find_tool() else None

    def change_json(self, value: Any) -> bool:
        """Put the call where the APIs of OpenAI, Anthropic and Ollama have it."""
        if not isinstance(value, dict):
            return False
        call = {"id": "call_injected", "type": "function", "function": self._make_function(self.parameters.arguments)}
        if isinstance(value.get("choices"), list):
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
            value["choices"] = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
        elif value.get("type") == "message":
            content = {"type": "tool_use", "id": "call_injected", "name": self._find_tool(), "input": {}}
            value |= {"content": [content], "stop_reason": "tool_use"}
        elif isinstance(value.get("message"), dict):
            value["message"] = {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"function": self._make_function({})}],
            }
        else:
            return False
        return True

    def rewrite_event(self, index: int, event: Event) -> Iterable[Item]:
        """The call in place of the first event of a chat completion's stream; only its last one follows."""
        value = event.read_json()
        if not (self._find_tool() and isinstance(value, dict) and "choices" in value):
            return (event.raw,)
        if not value["choices"]:
            return (event.raw,)
        if index:
            return ()
        self.note_effect(len(event.raw))
        call = {"index": 0, "id": "call_injected", "type": "function"}
        call["function"] = self._make_function(self.parameters.arguments)
        delta = {"role": "assistant", "content": None, "tool_calls": [call]}
        choices = [
            {"index": 0, "delta": delta, "finish_reason": None},
            {"index": 0, "delta": {}, "finish_reason": "tool_calls"},
        ]
        return [event.replace_data(encode_json({**value, "choices": [choice]})) for choice in choices]

    def _make_function(self, arguments: Any) -> dict[str, Any]:
        return {"name": self._find_tool(), "arguments": arguments}

    def _find_tool(self) -> str:
        """The name of the tool to call; empty where the request offers none."""
        body = self.struck.request.read_json()
        tools = body.get("tools") if isinstance(body, dict) else None
        if not isinstance(tools, list) or not tools or not isinstance(tools[0], dict):
            return ""
        function = tools[0].get("function")
        first = function.get("name") if isinstance(function, dict) else tools[0].get("name")
        return self.parameters.tool or str(first or "")


FAULT = define_http_fault(
    "endless_tool_calls",
    "every answer to a request that offers tools calls one: an agent must stop by itself",
    _Parameters(),
    _EndlessToolCalls,
)
