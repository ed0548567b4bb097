"""Hand-written HTTP/1.1 over one blocking socket: what no HTTP client would send, and what one would hide.

The third transport. Bytes go out as they are given, with pauses between them where asked; answers are framed strictly
(RFC 9112) within caps and deadlines, and what follows an answer is never lost: it is the next one, or an error.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Sequence

from harness.core.adapter import StreamDecoder
from harness.core.endpoint import Endpoint, redact_text
from harness.core.errors import ErrorClass, ProtocolError, TransportError
from harness.core.exchange import Exchange, Request, Response, Timing
from harness.io import reachability
from harness.io.clock import Clock
from harness.io.content import ACCEPTED
from harness.io.error_map import classify_error
from harness.io.framing import Framer
from harness.io.http import classify_status, format_user_agent, merge_headers
from harness.io.response_reader import Caps, ResponseReader

BytesOrPause = bytes | float
"""What is said to a peer: bytes, or seconds of silence."""

_RECV = 16384
"""Bytes taken from the socket at once."""

_DRAIN = 0.2
"""Seconds to wait for the end of a connection that the peer has announced, and for what it sends before that."""


def encode_request(endpoint: Endpoint, request: Request, codings: str = ACCEPTED) -> tuple[bytes, bytes]:
    """A request as (head with its blank line, body): the endpoint's path, headers and credentials are added to it.

    A later source's lines replace an earlier one's of the same name: the harness's own, the endpoint's, the
    credentials, the request's. `codings` are those offered. The head holds the secret; never show it.
    """
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    standard = endpoint.port == (443 if endpoint.is_secure else 80)
    own = (
        ("Host", host if standard else f"{host}:{endpoint.port}"),
        ("User-Agent", format_user_agent()),
        ("Accept", "*/*"),
        ("Accept-Encoding", codings),
        ("Content-Length", str(len(request.body))),
    )
    secret = endpoint.credentials.build_headers() if endpoint.credentials else ()
    lines = merge_headers(own, endpoint.headers, secret, request.headers)
    prefix = endpoint.url.split("//", 1)[1].partition("/")[2].rstrip("/")
    path = f"/{prefix}{request.path}" if prefix else request.path
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"{request.method} {path} HTTP/1.1\r\n{head}\r\n".encode(), request.body


class RawConnection:
    """One connection, opened by the first `say` and again by the next one after its end.

    Nothing is raised for what the peer does: what breaks while speaking is in the exchange that is heard next. Total,
    first-byte and inter-token deadlines are the endpoint's, counted from the last `say`. Close it, or use it in a
    `with`.
    """

    def __init__(self, endpoint: Endpoint, clock: Clock, caps: Caps | None = None) -> None:
        self.endpoint = endpoint
        self.reused = False
        self._clock = clock
        self._caps = caps or Caps()
        self._sock: socket.socket | None = None
        self._failed: TransportError | None = None
        self._owed = 0
        self._spent = False
        self._rest = b""
        self._intended = self._end = 0.0
        self._sent: float | None = None

    def say(self, pieces: Sequence[BytesOrPause], answers: int = 1) -> None:
        """Send bytes, with pauses where a number of seconds stands; `answers` are expected to them.

        `reused` then says whether they went over a connection that had carried an answer before.
        """
        self._intended = self._clock.now()
        self._end = self._intended + self.endpoint.deadlines.total
        self._sent, self._failed, self._owed = None, None, answers
        self.reused = self._stands()
        try:
            if not self.reused:
                self._sock = reachability.open_connection(self.endpoint, self.endpoint.deadlines.connect)
            for piece in pieces:
                if isinstance(piece, float):
                    time.sleep(max(0.0, min(piece, self._end - self._clock.now())))
                else:
                    self._send(piece)
            self._sent = self._clock.now()
        except TransportError as problem:
            self._failed = problem
            self.close()

    def hear(
        self,
        request: Request,
        *,
        patience: float | None = None,
        decoder: StreamDecoder | None = None,
        until: int | None = None,
    ) -> Exchange:
        """The next answer, as the exchange of `request`.

        `patience` is how many seconds the first byte may take (None: the endpoint's deadline). `decoder` is fed with
        the body of a success that is a stream; after `until` of its content events the rest is left unread, and the
        exchange is without error and without `done`. Bytes after the last answer that is owed are MALFORMED.
        """
        answer = _Answer(self._caps, decoder, until)
        failure: tuple[ErrorClass, str] | None = None
        try:
            if self._failed is not None:
                raise self._failed
            self._take(answer, self.endpoint.deadlines.first_byte if patience is None else patience)
        except (TransportError, ProtocolError) as problem:
            failure = self._told(problem)
        self._owed -= 1
        # Kept open all the same: who waits for the rest of a request must go on waiting while others are served.
        self._spent = failure is not None or (answer.done is not None and not answer.framer.persistent)
        response = answer.response
        if failure is None and response is not None:
            failure = classify_status(response)
        timing = Timing(self._intended, self._sent, answer.first_byte, tuple(answer.intake.tokens), answer.done)
        error, detail = failure or (None, "")
        return Exchange(request, timing, response, None, tuple(answer.intake.events), error, detail)

    def left(self, request: Request) -> Exchange:
        """The exchange of a request whose answer nobody waits for; its error says why it could not be sent."""
        self.close()
        error, detail = (None, "") if self._failed is None else self._told(self._failed)
        return Exchange(request, Timing(self._intended, self._sent), error=error, detail=detail)

    def _told(self, problem: TransportError | ProtocolError) -> tuple[ErrorClass, str]:
        kind = problem.error if isinstance(problem, TransportError) else ErrorClass.INVALID
        return kind, redact_text(str(problem), self.endpoint.list_secrets())

    def close(self) -> None:
        """End the connection, whatever is under way on it."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        self._rest, self._spent = b"", False

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, answer: _Answer, wait: float) -> None:
        data, self._rest = self._rest, b""
        until = self._clock.now() + wait
        while True:
            if data:
                answer.take(data, self._clock.now())
            if answer.finished:
                break
            silent = ErrorClass.FIRST_BYTE_TIMEOUT if answer.first_byte is None else ErrorClass.INTER_TOKEN_TIMEOUT
            data = self._receive(until, silent)
            until = self._clock.now() + self.endpoint.deadlines.inter_token
            if not data:
                answer.end(self._clock.now())
                break
        self._rest = answer.framer.rest
        if answer.done is None or self._owed > 1:
            return
        if not answer.framer.persistent and not self._rest and self._sock is not None:
            self._rest = self._drained()
        if self._rest:
            found, self._rest = len(self._rest), b""
            raise TransportError(ErrorClass.MALFORMED, f"{found} bytes or more follow the end of the answer")

    def _drained(self) -> bytes:
        try:
            return self._receive(self._clock.now() + _DRAIN, ErrorClass.INTER_TOKEN_TIMEOUT)
        except TransportError:
            return b""

    def _stands(self) -> bool:
        """Whether the connection can carry another request: it is there, and the peer has not ended it meanwhile."""
        if self._sock is None or self._spent:
            self.close()
            return False
        try:
            self._sock.settimeout(0.0)
            early = self._sock.recv(_RECV)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            early = b""
        if early:
            self._rest += early
            return True
        self.close()
        return False

    def _send(self, data: bytes) -> None:
        assert self._sock is not None
        try:
            self._sock.settimeout(max(0.01, self._end - self._clock.now()))
            self._sock.sendall(data)
        except TimeoutError:
            raise TransportError(ErrorClass.TOTAL_TIMEOUT, "the peer did not take in the request") from None
        except OSError:
            pass  # a peer may refuse a request early, and its answer is still to be read

    def _receive(self, until: float, silent: ErrorClass) -> bytes:
        if self._sock is None or self._spent:
            raise TransportError(ErrorClass.CLOSED, "the connection ended before the answer began")
        until, kind = (until, silent) if until < self._end else (self._end, ErrorClass.TOTAL_TIMEOUT)
        try:
            self._sock.settimeout(max(0.01, until - self._clock.now()))
            return self._sock.recv(_RECV)
        except TimeoutError:
            raise TransportError(kind, f"silent {self._clock.now() - self._intended:.2f} s after asking") from None
        except OSError as problem:
            kind, detail = classify_error(problem)
            # The way to the service stood: an alert in the middle is its end of the connection, not a handshake.
            raise TransportError(ErrorClass.CLOSED if kind is ErrorClass.TLS else kind, detail) from None


class _Answer:
    """One answer as it is taken in. Methods raise `TransportError` and `ProtocolError`."""

    def __init__(self, caps: Caps, decoder: StreamDecoder | None, until: int | None) -> None:
        self.framer, self.intake, self._until = Framer(caps), ResponseReader(caps, decoder), until
        self.first_byte: float | None = None
        self.done: float | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing more is to be read: its end has come, or as many events as were wanted."""
        return self.done is not None or (self._until is not None and len(self.intake.tokens) >= self._until)

    @property
    def response(self) -> Response | None:
        """The answer as far as it came."""
        return self.intake.response or self.framer.head

    def take(self, data: bytes, now: float) -> None:
        """Take in bytes that came at `now`."""
        self.first_byte = now if self.first_byte is None else self.first_byte
        fresh = self.framer.head is None
        piece = self.framer.feed(data)
        if fresh and self.framer.head is not None:
            self.intake.head(self.framer.head)
        if piece:
            self.intake.piece(piece, now)
        if self.framer.done:
            self.end(now)

    def end(self, now: float) -> None:
        """The connection ended, or the answer did."""
        self.framer.end()
        self.intake.end(lambda: now)
        self.done = now
