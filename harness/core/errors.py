"""Every exception the harness raises on purpose, and the classes of a failed exchange.

The tree:

    * HarnessError
      + UsageError              bad option, bad address, missing file: exit status 4
        + ConfigError           a key of aiharness.toml: names file, line, key and the nearest known key
      + TransportError          an exchange that broke below the protocol; carries its `ErrorClass`
      + ProtocolError           an answer that is not what its protocol says
      + BudgetExhausted         a ceiling (`--ai-max-requests`, ...) was reached: what is left is `missing`
      + RunDirError             a run directory that cannot be written or read

A message says what was given, what is allowed and what to do.
"""

from __future__ import annotations

from enum import StrEnum


class HarnessError(Exception):
    """Base of all errors raised on purpose; its text is meant for the user."""


class UsageError(HarnessError):
    """The user asked for something that cannot be done as asked (exit status 4)."""


class ConfigError(UsageError):
    """A configuration file, or a key in it, that cannot be used.

    `where` is `file` or `file:line`, `key` the dotted key.
    """

    def __init__(self, message: str, *, where: str = "", key: str = "") -> None:
        super().__init__(": ".join(part for part in (where, key, message) if part))
        self.where = where
        self.key = key


class ErrorClass(StrEnum):
    """Why an exchange is not a success. The values stand in `series.jsonl` and in reports."""

    NAME = "name_resolution"
    """The host name has no address."""
    CONNECT = "connect"
    """Refused, unreachable or reset before the connection stood."""
    TLS = "tls"
    """Handshake or certificate."""
    PROXY = "proxy"
    """The proxy between the harness and the endpoint refused or broke."""
    CONNECT_TIMEOUT = "connect_timeout"
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    INTER_TOKEN_TIMEOUT = "inter_token_timeout"
    """The answer began and then fell silent for longer than allowed."""
    TOTAL_TIMEOUT = "total_timeout"
    GONE = "gone"
    """A service that had answered in this run cannot be connected to any more: that counts against it."""
    CLOSED = "closed"
    """The connection ended before the answer did."""
    MALFORMED = "malformed_http"
    """What came back is not HTTP."""
    CONTENT_DECODING = "content_decoding"
    """The body is not in the content encoding or charset that its headers announce."""
    TOO_LARGE = "too_large"
    """Body, line, header or event count over the harness's caps."""
    REDIRECT = "redirect"
    """A redirect, which the harness does not follow: it would leave the target that the user named."""
    STATUS = "http_status"
    """A complete HTTP answer whose status is not the success the request asked for."""
    INVALID = "invalid"
    """A success status over a body that is not a valid answer in its protocol."""
    INCOMPLETE = "incomplete"
    """A success status over an answer that never came to its proper end."""
    HARNESS = "harness"
    """The harness's own fault: never counted against the service."""

    @property
    def never_reached(self) -> bool:
        """Whether the failure happened before the service could be asked (name, connect, TLS, proxy)."""
        return self in _NEVER_REACHED


_NEVER_REACHED = frozenset(
    {ErrorClass.NAME, ErrorClass.CONNECT, ErrorClass.TLS, ErrorClass.PROXY, ErrorClass.CONNECT_TIMEOUT}
)


class TransportError(HarnessError):
    """An exchange that broke below its protocol.

    `error` is the class; the text says what happened and names no secret.
    """

    def __init__(self, error: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.error = error


class ProtocolError(HarnessError):
    """An answer that is not what its protocol says; `at` is the place in it (`$.choices[0]`)."""

    def __init__(self, message: str, *, at: str = "") -> None:
        super().__init__(f"{at}: {message}" if at else message)
        self.at = at


class BudgetExhausted(HarnessError):
    """A ceiling of cost was reached; the run ends in order and what is left is `missing`."""


class RunDirError(HarnessError):
    """A run directory that cannot be written, or that holds something else."""
