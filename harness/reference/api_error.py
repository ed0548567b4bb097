"""The error of a refused request, and its shape in each protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

_KINDS = {401: "authentication_error", 404: "not_found_error", 405: "method_not_allowed_error"}


class ApiError(Exception):
    """A request that is refused: status, a message for people, a code for programs, and the wrong parameter."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.headers = headers


def make_error_response(path: str, error: ApiError) -> Response:
    """The error in the one shape of the protocol that owns the path: V2 (a text), OpenAI (with `param`), or plain."""
    if path == "/v2" or path.startswith("/v2/"):
        body: dict[str, Any] = {"error": error.message}
    else:
        kind = "server_error" if error.status >= 500 else _KINDS.get(error.status, "invalid_request_error")
        inner: dict[str, Any] = {"message": error.message, "type": kind, "code": error.code}
        if path == "/v1" or path.startswith("/v1/"):
            inner["param"] = error.param
        body = {"error": inner}
    return JSONResponse(body, error.status, headers=error.headers)
