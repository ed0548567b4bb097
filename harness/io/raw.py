"""Hand-written HTTP/1.1 over one blocking socket: to send what no HTTP client sends, and to see what one hides.

Bytes are sent exactly as given, with pauses between them where asked. Answers are framed strictly (RFC 9112) within
caps and deadlines. What follows an answer is never dropped: it is the next answer, or an error.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from dataclasses import replace

from harness.core.adapter import StreamDecoder
from harness.core.endpoint import Deadlines, Endpoint
from harness.core.errors import ErrorClass, ProtocolError, TransportError
from harness.core.exchange import Exchange, Request, Response, Timing
from harness.core.redaction import redact_text
from harness.io import reachability
from harness.io.clock import Clock, sleep_real
from harness.io.content import ACCEPTED
from harness.io.error_map import classify_error
from harness.io.framing import Framer
from harness.io.http import classify_status, format_user_agent, merge_headers
from harness.io.response_reader import Caps, ResponseReader

BytesOrPause = bytes | float
"""A part of what is sent: bytes, or seconds to wait before the next part."""

_RECV = 16384
"""Bytes taken from the socket at once."""

_LAST_CHUNK = b"0\r\n\r\n"
"""The end of an answer that is sent in chunks, as streams are."""
_DRAIN = 0.2
"""Seconds to wait for the end of a connection that the peer has announced, and for what it sends before that."""


def encode_request(endpoint: Endpoint, request: Request, codings: str = ACCEPTED) -> tuple[bytes, bytes]:
    """Encode a request as (head with its blank line, body), with the endpoint's path, headers and credentials.

    A later source's lines replace an earlier one's of the same name: the harness's own, the endpoint's, the
    credentials, the request's. `codings` are the content codings offered. The head holds the secret; never show it.
    """
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    if endpoint.port != (443 if endpoint.is_secure else 80):
        host = f"{host}:{endpoint.port}"
    own = (
        ("Host", host),
        ("User-Agent", format_user_agent()),
        ("Accept", "*/*"),
        ("Accept-Encoding", codings),
        ("Content-Length", str(len(request.body))),
    )
    secret = endpoint.credentials.build_headers() if endpoint.credentials else ()
    lines = merge_headers(own, endpoint.headers, secret, request.headers)
    _, slash, prefix = endpoint.url.split("//", 1)[1].partition("/")
    path = (slash + prefix).rstrip("/") + endpoint.add_query(request.path)
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"{request.method} {path} HTTP/1.1\r\n{head}\r\n".encode(), request.body


class RawConnection:
    """One connection, opened by the first `send` and opened again by the next one after its end.

    Nothing is raised for what the peer does: an error while sending is in the exchange that is received next. Total,
    first-byte and inter-token deadlines are `deadlines`, the endpoint's until they are set, counted from the last
    `send`. Close it, or use it in a `with`.
    """

    def __init__(self, endpoint: Endpoint, clock: Clock, caps: Caps | None = None) -> None:
        self.endpoint = endpoint
        self.deadlines: Deadlines = endpoint.deadlines
        self.is_reused = False
        self._clock = clock
        self._caps = caps or Caps()
        self._sock: socket.socket | None = None
        self._send_error: TransportError | None = None
        self._expected_answers = 0
        self._is_exhausted = False
        self._rest = b""
        self._unread: _RawAnswer | None = None
        self._intended = self._total_due = 0.0
        self._sent: float | None = None

    def send(self, parts: Sequence[BytesOrPause], answers: int = 1) -> None:
        """Send bytes, with pauses where a part is a number of seconds, and expect this number of answers.

        `is_reused` then says whether the bytes went over a connection that had carried an answer before.
        """
        self._intended = self._clock.now()
        self._total_due = self._intended + self.deadlines.total
        self._sent, self._send_error, self._expected_answers = None, None, answers
        self.is_reused = self._is_usable()
        try:
            if not self.is_reused:
                self._sock = reachability.open_connection(self.endpoint, self.deadlines.connect)
            for part in parts:
                if isinstance(part, float):
                    sleep_real(max(0.0, min(part, self._total_due - self._clock.now())))
                else:
                    self._send_bytes(part)
            self._sent = self._clock.now()
        except TransportError as problem:
            self._send_error = problem
            self.close()

    def receive(
        self,
        request: Request,
        *,
        patience: float | None = None,
        decoder: StreamDecoder | None = None,
        until: int | None = None,
    ) -> Exchange:
        """Read the next answer and return it as the exchange of `request`.

        `patience` is how many seconds the first byte may take (None: the endpoint's deadline). `decoder` decodes the
        body of a success that is a stream; after `until` of its content events the rest is left unread, and the
        exchange is without error and without `done`. Bytes after the last expected answer are MALFORMED.
        """
        answer = _RawAnswer(self._caps, decoder, until)
        return self._receive_answer(request, answer, self.deadlines.first_byte if patience is None else patience)

    def read_on(self, request: Request) -> Exchange:
        """Read the rest of the answer of which `receive` left some unread, and return it whole."""
        assert self._unread is not None
        answer = self._unread
        answer.until = None
        self._expected_answers = 1
        return self._receive_answer(request, answer, self.deadlines.inter_token)

    def _receive_answer(self, request: Request, answer: _RawAnswer, patience: float) -> Exchange:
        self._unread = answer
        failure: tuple[ErrorClass, str] | None = None
        try:
            if self._send_error is not None:
                raise self._send_error
            self._read_answer(answer, patience)
        except (TransportError, ProtocolError) as problem:
            failure = self._describe_problem(problem)
        self._expected_answers -= 1
        # The socket stays open: a peer that waits for the rest of a request must keep waiting while others are served.
        self._is_exhausted = failure is not None or (answer.done is not None and not answer.framer.persistent)
        response = answer.response
        if failure is None and response is not None:
            failure = classify_status(response)
        reader = answer.reader
        tokens = tuple(reader.tokens)
        timing = Timing(self._intended, self._sent, answer.first_byte, tokens, answer.done, reader.output)
        error, detail = failure or (None, "")
        return Exchange(request, timing, response, None, tuple(answer.reader.events), error, detail)

    def has_arrived(self, *, whole: bool) -> bool:
        """Whether the answer has come, although it was not read yet: its end if `whole`, else any byte of it."""
        if self._sock is None:
            return False
        try:
            self._sock.settimeout(0.0)
            while piece := self._sock.recv(_RECV):
                self._rest += piece
        except (BlockingIOError, ssl.SSLWantReadError):
            return self._rest.endswith(_LAST_CHUNK) if whole else bool(self._rest)
        except OSError:
            pass
        return True

    def abandon(self, request: Request) -> Exchange:
        """Close the connection without reading an answer. The exchange's error says why the request was not sent.

        `done` is set where an answer had begun to come, which is whole then.
        """
        done = self._clock.now() if self.has_arrived(whole=False) else None
        self.close()
        exchange = Exchange(request, Timing(self._intended, self._sent, done=done))
        if self._send_error is None:
            return exchange
        error, detail = self._describe_problem(self._send_error)
        return replace(exchange, error=error, detail=detail)

    def _describe_problem(self, problem: TransportError | ProtocolError) -> tuple[ErrorClass, str]:
        error = problem.error if isinstance(problem, TransportError) else ErrorClass.INVALID
        return error, redact_text(str(problem), self.endpoint.list_secrets())

    def close(self) -> None:
        """End the connection, whatever is under way on it."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        self._rest, self._is_exhausted = b"", False

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_answer(self, answer: _RawAnswer, patience: float) -> None:
        data, self._rest = self._rest, b""
        due = self._clock.now() + patience
        while True:
            if data:
                answer.read(data, self._clock.now())
            if answer.is_finished:
                break
            timeout = ErrorClass.FIRST_BYTE_TIMEOUT if answer.first_byte is None else ErrorClass.INTER_TOKEN_TIMEOUT
            data = self._receive_bytes(due, timeout)
            due = self._clock.now() + self.deadlines.inter_token
            if not data:
                answer.finish(self._clock.now())
                break
        self._rest = answer.framer.rest
        if answer.done is None or self._expected_answers > 1:
            return
        if not answer.framer.persistent and not self._rest and self._sock is not None:
            self._rest = self._drain()
        if self._rest:
            count, self._rest = len(self._rest), b""
            raise TransportError(ErrorClass.MALFORMED, f"{count} bytes or more follow the end of the answer")

    def _drain(self) -> bytes:
        try:
            return self._receive_bytes(self._clock.now() + _DRAIN, ErrorClass.INTER_TOKEN_TIMEOUT)
        except TransportError:
            return b""

    def _is_usable(self) -> bool:
        """Whether the connection can carry another request: it is open, and the peer has not ended it meanwhile."""
        if self._sock is None or self._is_exhausted:
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

    def _send_bytes(self, data: bytes) -> None:
        assert self._sock is not None
        try:
            self._sock.settimeout(max(0.01, self._total_due - self._clock.now()))
            self._sock.sendall(data)
        except TimeoutError:
            raise TransportError(ErrorClass.TOTAL_TIMEOUT, "the peer did not read the request") from None
        except OSError:
            pass  # a peer may refuse a request early, and its answer is still to be read

    def _receive_bytes(self, due: float, timeout: ErrorClass) -> bytes:
        if self._sock is None or self._is_exhausted:
            raise TransportError(ErrorClass.CLOSED, "the connection ended before the answer began")
        if due >= self._total_due:
            due, timeout = self._total_due, ErrorClass.TOTAL_TIMEOUT
        try:
            self._sock.settimeout(max(0.01, due - self._clock.now()))
            return self._sock.recv(_RECV)
        except TimeoutError:
            silence = self._clock.now() - self._intended
            raise TransportError(timeout, f"the peer was silent {silence:.2f} s after the request") from None
        except OSError as problem:
            error, detail = classify_error(problem)
            # There was a connection: a TLS alert in the middle is its end, not a failed handshake.
            raise TransportError(ErrorClass.CLOSED if error is ErrorClass.TLS else error, detail) from None


class _RawAnswer:
    """One answer while it is read. Methods raise `TransportError` and `ProtocolError`."""

    def __init__(self, caps: Caps, decoder: StreamDecoder | None, until: int | None) -> None:
        self.framer, self.reader, self.until = Framer(caps), ResponseReader(caps, decoder), until
        self.first_byte: float | None = None
        self.done: float | None = None

    @property
    def is_finished(self) -> bool:
        """Whether nothing more is to be read: the answer has ended, or as many events as were wanted have come."""
        return self.done is not None or (self.until is not None and len(self.reader.tokens) >= self.until)

    @property
    def response(self) -> Response | None:
        """The response as far as it came."""
        return self.reader.response or self.framer.head

    def read(self, data: bytes, now: float) -> None:
        """Read bytes that came at `now`."""
        if self.first_byte is None:
            self.first_byte = now
        had_head = self.framer.head is not None
        piece = self.framer.feed(data)
        if self.framer.head is not None and not had_head:
            self.reader.read_head(self.framer.head)
        if piece:
            self.reader.read_piece(piece, now)
        if self.framer.done:
            self.finish(now)

    def finish(self, now: float) -> None:
        """The connection ended, or the answer did."""
        self.framer.end()
        self.reader.finish(lambda: now)
        self.done = now
