"""Content codings undone piece by piece, never expanding past a bound (a gzip bomb is 1000 to 1)."""

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
        self._zlib = self._fresh() if named else None
        self._fed = False

    def _fresh(self) -> zlib._Decompress:
        return zlib.decompressobj(zlib.MAX_WBITS if self._name == "deflate" else zlib.MAX_WBITS | 16)

    def feed(self, data: bytes) -> bytes:
        """The bytes that these decode to.

        Raises `TransportError`: TOO_LARGE over the bound, CONTENT_DECODING for what is not the announced coding.
        """
        if self._zlib is None:
            return self._counted(data)
        decoded = b""
        while data:
            decoded += self._counted(self._inflate(data))
            data = self._zlib.unused_data
            if self._zlib.eof and self._name != "deflate" and data:
                self._zlib = self._fresh()  # RFC 1952 section 2.2: members may follow one another
            elif data:
                raise self._broken("bytes follow its end")
        return decoded

    def _inflate(self, data: bytes) -> bytes:
        assert self._zlib is not None
        if self._zlib.eof:
            self._zlib = self._fresh()
        try:
            decoded = self._zlib.decompress(data, self._left + 1)
        except zlib.error as error:
            if self._fed or self._name != "deflate":
                raise self._broken(str(error)) from None
            # Some servers send raw deflate (RFC 1951) where RFC 9110 section 8.4.1.2 means zlib's format.
            self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)
            self._fed = True
            return self._inflate(data)
        self._fed = True
        return decoded

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise TransportError(ErrorClass.TOO_LARGE, f"the decoded body is over the cap of {self._bound} bytes")
        return data

    def finish(self) -> None:
        """Raises `TransportError` (CONTENT_DECODING) when the body ended inside its coding."""
        if self._fed and self._zlib is not None and not self._zlib.eof:
            raise self._broken("it ends too early")

    def _broken(self, why: str) -> TransportError:
        return TransportError(ErrorClass.CONTENT_DECODING, f"the body is not the {self._name} it announces: {why}")
