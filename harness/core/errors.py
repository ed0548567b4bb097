"""The exceptions that the harness raises itself, and the classes of failed exchanges.

The tree:

    * HarnessError
      + UsageError              bad option, bad address, missing file: exit status 4
        + ConfigError           a key of aiharness.toml: names file, line, key and the nearest known key
        + NotAnnounced          the service has not said what a request needs: one that is starting may yet say it
      + TransportError          an exchange that failed below the protocol; it has an `ErrorClass`
      + ProtocolError           an answer that does not conform to its protocol
      + BudgetExhausted         a limit of cost (`--ai-max-requests`, ...) was reached: other checks are `missing`
      + RunDirError             a run directory that cannot be written or read

A message says what was given, what is allowed and what to do.
"""

from __future__ import annotations

from enum import StrEnum


class HarnessError(Exception):
    """Base class of all errors that the harness raises itself; the text is for the user."""


class UsageError(HarnessError):
    """The user asked for something that is not possible (exit status 4).

    `key` names the part of a table that is wrong, where that is known.
    """

    def __init__(self, message: str = "", *, key: str = "") -> None:
        super().__init__(message)
        self.key = key


class ConfigError(UsageError):
    """A configuration file, or a key in it, that is not valid.

    `where` is `file` or `file:line`, `key` the dotted key.
    """

    def __init__(self, message: str, *, where: str = "", key: str = "") -> None:
        super().__init__(": ".join(part for part in (where, key, message) if part), key=key)
        self.where = where


class NotAnnounced(UsageError):
    """What a request needs is neither configured nor said by the service; one that is still starting may yet say it."""


class ErrorClass(StrEnum):
    """Why an exchange failed. The values are written to `series.jsonl` and to reports."""

    NAME = "name_resolution"
    """The host name has no address."""
    CONNECT = "connect"
    """The connection was refused or reset, or the host cannot be reached."""
    TLS = "tls"
    """The TLS handshake failed for another reason than the service's certificate."""
    CERTIFICATE = "certificate"
    """The service's certificate does not verify: expired, not valid yet, for another host, or not trusted."""
    PROXY = "proxy"
    """The proxy between the harness and the endpoint refused the request or failed."""
    CONNECT_TIMEOUT = "connect_timeout"
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    INTER_TOKEN_TIMEOUT = "inter_token_timeout"
    """The answer began, and then nothing arrived for longer than allowed."""
    TOTAL_TIMEOUT = "total_timeout"
    GONE = "gone"
    """The service answered earlier in this run, and now refuses connections, or declines every request for over a
    minute: that counts against the service."""
    CLOSED = "closed"
    """The connection ended before the answer did."""
    MALFORMED = "malformed_http"
    """The response is not valid HTTP."""
    CONTENT_DECODING = "content_decoding"
    """The body is not in the content encoding or charset that the headers state."""
    TOO_LARGE = "too_large"
    """The body, a line, the headers or the number of events exceeds a limit of the harness."""
    REDIRECT = "redirect"
    """A redirect; the harness does not follow it, because it would leave the endpoint that the user named."""
    STATUS = "http_status"
    """A complete HTTP response whose status is not a success."""
    INVALID = "invalid"
    """A successful status with a body that is not a valid answer in its protocol."""
    INCOMPLETE = "incomplete"
    """A successful status with an answer that did not end as its protocol requires."""
    UNAWAITED = "unawaited"
    """No answer, but it was not waited for as long as the deadline allows: this never counts against the service."""
    HARNESS = "harness"
    """The harness itself failed: this never counts against the service."""

    @property
    def is_before_contact(self) -> bool:
        """Whether the exchange failed before the service could get the request (name, connection, TLS, proxy)."""
        return self in _BEFORE_CONTACT


_BEFORE_CONTACT = frozenset(
    {ErrorClass.NAME, ErrorClass.CONNECT, ErrorClass.TLS, ErrorClass.CERTIFICATE}
    | {ErrorClass.PROXY, ErrorClass.CONNECT_TIMEOUT}
)

TIMEOUT_ERRORS = (ErrorClass.FIRST_BYTE_TIMEOUT, ErrorClass.INTER_TOKEN_TIMEOUT, ErrorClass.TOTAL_TIMEOUT)
"""The errors of a service that hangs: it has the request, and does not answer it within its deadline."""


class TransportError(HarnessError):
    """An exchange that failed below its protocol.

    `error` is the class; the text says what happened and contains no secret.
    """

    def __init__(self, error: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.error = error


class ProtocolError(HarnessError):
    """An answer that does not conform to its protocol; `at` is the place in it (`$.choices[0]`)."""

    def __init__(self, message: str, *, at: str = "") -> None:
        super().__init__(f"{at}: {message}" if at else message)
        self.at = at


class BudgetExhausted(HarnessError):
    """A limit of cost was reached: the run ends normally and the remaining checks are `missing`."""


class RunDirError(HarnessError):
    """A run directory that cannot be written, or that contains something else."""
