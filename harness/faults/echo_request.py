"""echo_request: generated texts end with what a request said, as of a service that mixes up what it was told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from harness.core.fault import Parameter
from harness.core.http_request import HttpParameters, HttpRequest
from harness.faults._answer_change import AnswerChange
from harness.faults._http_stage import define_http_fault
from harness.faults._shapes import list_objects, list_text_places

_REQUESTS = "requests"
_MOST_REQUESTS = 8
_INPUT_FIELDS = frozenset({"content", "text", "prompt", "input", "inputs", "system", "instructions", "description"})
"""Fields with what a model is told in the APIs of OpenAI, Anthropic, Ollama and TGI."""


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    whose: Annotated[
        Literal["own", "earlier"], Parameter("`own`: what this request said; `earlier`: what another one before said")
    ] = "own"
    without: Annotated[str, Parameter("a text that is left out of it, as of a model that obeys and joins words")] = ""


class _EchoRequest(AnswerChange[_Parameters]):
    media = "text"
    needs_request_body = True

    @classmethod
    def meet(cls, request: HttpRequest, memory: dict[Any, Any]) -> None:
        """Keep the last requests, whose bodies are still to come."""
        requests: list[HttpRequest] = memory.setdefault(_REQUESTS, [])
        requests.append(request)
        del requests[:-_MOST_REQUESTS]

    def change_json(self, value: Any) -> bool:
        """Add the texts of the request to the first text of the answer, of which there is one in a stream as well."""
        places = list_text_places(value)
        if self.kept or not places:
            return False
        words = self._find_words()
        if not words:
            return False
        words = words.replace(self.parameters.without, "") if self.parameters.without else words
        place, key = places[-1]
        place[key], self.kept = f"{place[key]} {words}", len(words)
        return True

    def _find_words(self) -> str:
        own = self.struck.request
        if self.parameters.whose == "own":
            return _join_texts(own)
        for request in reversed(self.struck.memory.get(_REQUESTS, [])):
            if request is not own and request.read_body() != own.read_body() and (words := _join_texts(request)):
                return words
        return ""


def _join_texts(request: HttpRequest) -> str:
    """Everything that a request tells a model, in one line."""
    texts = [
        text
        for place in reversed(list_objects(request.read_json()))
        for key, text in place.items()
        if key in _INPUT_FIELDS and isinstance(text, str)
    ]
    return " ".join(texts)


FAULT = define_http_fault(
    "echo_request", "generated texts end with what this or an earlier request said", _Parameters(), _EchoRequest
)
