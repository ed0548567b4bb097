"""Undo content codings piece by piece, never past a bound (a gzip bomb expands 1000 to 1)."""

from __future__ import annotations

import zlib

from harness.core.errors import ErrorClass, TransportError

ACCEPTED = "gzip, deflate"
"""What requests offer in `Accept-Encoding`: what the standard library can undo in bounds."""


class Inflater:
    """Undoes one `Content-Encoding`, fed in whatever pieces the socket gave.

    `coding` is the header's value; `bound` the most decoded bytes in total. Raises `TransportError`
    (CONTENT_DECODING) for a coding that was not offered.
    """

    def __init__(self, coding: str, bound: int) -> None:
        named = [name for part in coding.split(",") if (name := part.strip().lower()) not in ("", "identity")]
        if named not in ([], ["gzip"], ["x-gzip"], ["deflate"]):
            raise TransportError(
                ErrorClass.CONTENT_DECODING, f"the body is in content encoding {coding!r}; offered were {ACCEPTED}"
            )
        self._name = named[0] if named else ""
        self._left = bound
        self._bound = bound
        self._zlib = self._create_decoder() if named else None
        self._has_output = False

    def _create_decoder(self) -> zlib._Decompress:
        return zlib.decompressobj(zlib.MAX_WBITS if self._name == "deflate" else zlib.MAX_WBITS | 16)

    def feed(self, data: bytes) -> bytes:
        """Decode bytes.

        Raises `TransportError`: TOO_LARGE over the bound, CONTENT_DECODING for what is not the announced coding.
        """
        if self._zlib is None:
            return self._count(data)
        decoded = b""
        while data:
            decoded += self._count(self._inflate(data))
            data = self._zlib.unused_data
            if self._zlib.eof and self._name != "deflate" and data:
                self._zlib = self._create_decoder()  # RFC 1952 section 2.2: members may follow one another
            elif data:
                raise self._error("bytes follow its end")
        return decoded

    def _inflate(self, data: bytes) -> bytes:
        assert self._zlib is not None
        if self._zlib.eof:
            self._zlib = self._create_decoder()
        try:
            decoded = self._zlib.decompress(data, self._left + 1)
        except zlib.error as error:
            if self._has_output or self._name != "deflate":
                raise self._error(str(error)) from None
            # Some servers send raw deflate (RFC 1951) where RFC 9110 section 8.4.1.2 means zlib's format.
            self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)
            self._has_output = True
            return self._inflate(data)
        self._has_output = True
        return decoded

    def _count(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise TransportError(ErrorClass.TOO_LARGE, f"the decoded body is over the cap of {self._bound} bytes")
        return data

    def finish(self) -> None:
        """Raises `TransportError` (CONTENT_DECODING) when the body ended inside its coding."""
        if self._has_output and self._zlib is not None and not self._zlib.eof:
            raise self._error("it ends too early")

    def _error(self, why: str) -> TransportError:
        return TransportError(ErrorClass.CONTENT_DECODING, f"the body is not the {self._name} it announces: {why}")
