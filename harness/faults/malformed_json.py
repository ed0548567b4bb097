"""malformed_json: a body that is not JSON, although its head says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from harness.core.fault import Parameter
from harness.core.http_request import HttpParameters
from harness.faults._answer_change import AnswerChange
from harness.faults._http_stage import define_http_fault

_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>\n"


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    form: Annotated[
        Literal["cut", "quotes", "html", "nothing"],
        Parameter("`cut`: its first half; `quotes`: single quotes; `html`: a page; `nothing`: no byte"),
    ] = "cut"


class _MalformedJson(AnswerChange[_Parameters]):
    media = "json"

    def rewrite_body(self, body: bytes) -> bytes | None:
        """The body in its wrong form; its length in the head is right."""
        forms = {"cut": body[: len(body) // 2], "quotes": body.replace(b'"', b"'"), "html": _PAGE, "nothing": b""}
        broken = forms[self.parameters.form]
        if broken == body:
            return None
        self.note_effect(len(body))
        return broken


FAULT = define_http_fault("malformed_json", "a body in JSON is malformed", _Parameters(), _MalformedJson)
